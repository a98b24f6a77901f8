"""The answers of operations: those that are documented are those that occur."""

import colander
import jsonschema
import pytest
from pyramid.authorization import Allow, Everyone
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import text

from widget_service.answers import Bare, response_key
from widget_service.contexts import plain_path
from widget_service.fields import Text
from widget_service.principals import Authenticated
from widget_service.resources import Context
from widget_service.rest import Service
from widget_service.testing import PASSWORD

LOGIN = {"email": "user@example.com", "password": PASSWORD}
FIRST = {"name": "first", "info_url": "https://example.com/", "deadline": "12/31/2099"}
STALE = {"headers": {"If-Match": '"stale"'}}
CHANGE = {"current_password": LOGIN["password"], "new_password": "another"}
TEXT = {"params": "?", "content_type": "text/plain"}
NO_HOST = {"headers": {"Host": "no host"}}
LARGE = {"params": {"name": "x" * 70000}}

# Every documented answer, with a request that gets it; there is a widget "there". Those that
# cannot be provoked from outside are below.
REQUESTS = [
    ("post", "/auth/register", 201, "client", {"params": {**LOGIN, "email": "new@example.com"}}),
    ("post", "/auth/register", 400, "client", {}),
    ("post", "/auth/register", 409, "user", {"params": LOGIN}),
    ("post", "/auth/register", 413, "client", LARGE),
    ("post", "/auth/register", 415, "client", TEXT),
    ("post", "/auth/login", 200, "user", {"params": LOGIN}),
    ("post", "/auth/login", 400, "client", {}),
    ("post", "/auth/login", 401, "client", {"params": {**LOGIN, "password": "?"}}),
    ("post", "/auth/login", 413, "client", LARGE),
    ("post", "/auth/login", 415, "client", TEXT),
    ("get", "/auth/user", 200, "user", {}),
    ("get", "/auth/user", 400, "user", NO_HOST),
    ("get", "/auth/user", 401, "client", {}),
    ("post", "/auth/logout", 200, "user", {}),
    ("post", "/auth/logout", 400, "user", NO_HOST),
    ("post", "/auth/logout", 401, "client", {}),
    ("get", "/auth/sessions", 200, "user", {}),
    ("get", "/auth/sessions", 400, "user", NO_HOST),
    ("get", "/auth/sessions", 401, "client", {}),
    ("delete", "/auth/sessions", 200, "user", {}),
    ("delete", "/auth/sessions", 400, "user", NO_HOST),
    ("delete", "/auth/sessions", 401, "client", {}),
    ("put", "/auth/password", 200, "user", {"params": CHANGE}),
    ("put", "/auth/password", 400, "user", {}),
    ("put", "/auth/password", 401, "client", {}),
    ("put", "/auth/password", 413, "user", LARGE),
    ("put", "/auth/password", 415, "user", TEXT),
    ("get", "/widgets", 200, "user", {}),
    ("get", "/widgets", 400, "user", {"params": {"page": "0"}}),
    ("get", "/widgets", 401, "client", {}),
    ("post", "/widgets", 201, "admin", {"params": FIRST}),
    ("post", "/widgets", 400, "admin", {}),
    ("post", "/widgets", 401, "client", {}),
    ("post", "/widgets", 403, "user", {}),
    ("post", "/widgets", 409, "admin", {"params": {**FIRST, "name": "there"}}),
    ("post", "/widgets", 413, "admin", LARGE),
    ("post", "/widgets", 415, "admin", TEXT),
    ("get", "/widgets/{name}", 200, "user", {}),
    ("get", "/widgets/{name}", 400, "user", {"name": "%ff"}),
    ("get", "/widgets/{name}", 401, "client", {}),
    ("get", "/widgets/{name}", 404, "user", {"name": "missing"}),
    ("put", "/widgets/{name}", 200, "admin", {"params": FIRST}),
    ("put", "/widgets/{name}", 201, "admin", {"params": FIRST, "name": "missing"}),
    ("put", "/widgets/{name}", 400, "admin", {}),
    ("put", "/widgets/{name}", 400, "admin", {"params": FIRST, "name": "*"}),
    ("put", "/widgets/{name}", 401, "client", {}),
    ("put", "/widgets/{name}", 403, "user", {}),
    ("put", "/widgets/{name}", 412, "admin", {"params": FIRST, **STALE}),
    ("put", "/widgets/{name}", 413, "admin", LARGE),
    ("put", "/widgets/{name}", 415, "admin", TEXT),
    ("delete", "/widgets/{name}", 204, "admin", {}),
    ("delete", "/widgets/{name}", 400, "admin", {"name": "%ff"}),
    ("delete", "/widgets/{name}", 401, "client", {}),
    ("delete", "/widgets/{name}", 403, "user", {}),
    ("delete", "/widgets/{name}", 404, "admin", {"name": "missing"}),
    ("delete", "/widgets/{name}", 412, "admin", STALE),
]
# A mistake of ours, a database that is away, and a second PUT at the very same time.
BEYOND_REACH = {("put", "/widgets/{name}", 409)}


def documented(openapi):
    return {
        (method, path, int(status))
        for path, item in openapi["paths"].items()
        for method in item.keys() - {"parameters"}
        for status in item[method]["responses"]
        if status not in ("500", "503")
    }


def test_it_documents_what_occurs_and_nothing_else(client):
    occurring = {(method, path, status) for method, path, status, _who, _how in REQUESTS}
    assert documented(client.get("/api/v1/openapi.json").json) == occurring | BEYOND_REACH


def test_it_documents_what_may_befall_every_operation(client):
    paths = client.get("/api/v1/openapi.json").json["paths"]
    for path in paths.values():
        for method in path.keys() - {"parameters"}:
            assert {"500", "503"} <= path[method]["responses"].keys()


@pytest.mark.parametrize("row", REQUESTS)
def test_it_documents_keys_and_headers_of_real_answers(client, user, admin, row):
    method, path, status, who, how = row
    admin.post("/api/v1/widgets", {**FIRST, "name": "there"})
    document = client.get("/api/v1/openapi.json").json
    name = how.get("name", "there")
    options = {key: value for key, value in how.items() if key != "name"}
    asked = {"client": client, "user": user, "admin": admin}[who]
    url = "/api/v1" + path.replace("{name}", name)
    answer = getattr(asked, method)(url, status=status, **options)

    described = document["paths"][path][method]["responses"][str(status)]
    for header in ("WWW-Authenticate", "Link", "Total-Count", "ETag", "Location", "Retry-After"):
        assert (header in answer.headers) == (header in described.get("headers", {})), header
    if "content" in described:
        components = closed({"components": document["components"]})
        schema = {**described["content"]["application/json"]["schema"], **components}
        jsonschema.validate(answer.json, schema)
    else:
        assert answer.body == b""


def closed(schema):
    """The same schema, which lets nothing pass that it does not name."""
    if isinstance(schema, dict):
        limit = {"additionalProperties": False} if "properties" in schema else {}
        return {**limit, **{key: closed(value) for key, value in schema.items()}}
    return schema


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/things", "/things"),
        ("/things/{id}", "/things/{id}"),
        ("/things/{id:[0-9]+}.{format}", "/things/{id}.{format}"),
        ("/things/{id:[0-9]{4}}/parts/{part:a{2}b{3}}", "/things/{id}/parts/{part}"),
        ("/things/*rest", "/things/{rest}"),
    ],
)
def test_it_leaves_the_patterns_out_of_a_path(path, plain):
    assert plain_path(path) == plain


class Things(Context):
    __acl__ = ((Allow, Everyone, "look"), (Allow, Authenticated, "touch"))


class Thing(Things):
    def load(self):
        """It is there."""


def service(factory=None, path="/things", method="get", **options):
    made = Service("things", path, **({"factory": factory} if factory else {}))

    @made.decorator(method, **options)
    def view(_request):
        """Show things.

        In some detail.
        """

    return made


def operation(registry, made, method="get"):
    (path,) = registry(made).documents.swagger["paths"].values()
    return path[method]


@pytest.mark.parametrize(
    ("factory", "permission", "refusals"),
    [
        (None, NO_PERMISSION_REQUIRED, set()),
        (Things, NO_PERMISSION_REQUIRED, set()),
        (Things, "look", set()),
        (Things, "touch", {"401"}),
        (Things, "buy", {"401", "403"}),
        (Things, None, {"401", "403"}),
        (None, None, {"401", "403"}),
        (None, "touch", {"401", "403"}),
    ],
)
def test_it_learns_from_the_acl_who_is_refused(registry, factory, permission, refusals):
    found = operation(registry, service(factory, permission=permission))
    assert found["responses"].keys() & {"401", "403"} == refusals
    assert found.get("security") == ([{"bearer": []}] if refusals else None)


@pytest.mark.parametrize(
    ("method", "factory", "answers", "misses"),
    [
        ("get", Things, {}, False),
        ("get", Thing, {}, True),
        ("put", Thing, {}, True),
        ("put", Thing, {"201": Things}, False),
        ("delete", Thing, {}, True),
        ("post", Thing, {"201": Things}, True),
    ],
)
def test_it_knows_what_may_be_missing(registry, method, factory, answers, misses):
    schemas = {status: colander.MappingSchema(description="New.") for status in answers}
    made = service(factory, method=method, response_schemas=schemas)
    assert ("404" in operation(registry, made, method)["responses"]) == misses


def test_it_gives_the_factory_a_request_to_work_with(registry):
    seen = []

    def factory(request):
        seen.append((request.method, request.matchdict.keys(), request.registry))
        return Things(request)

    made = service(factory, "/things/{id:[0-9]+}/{part}", permission="look")
    app = registry(made)
    app.documents.swagger["paths"]["/things/{id}/{part}"]
    assert seen == [("GET", {"id", "part"}, app)]


def test_the_context_may_rely_on_the_pattern_of_its_path(registry):
    def factory(request):
        return int(request.matchdict["id"]) and Things(request)

    made = service(factory, "/things/{id:[0-9]{1,9}}", permission="look")
    assert registry(made).documents.swagger["paths"]["/things/{id}"]


class Owned(Context):
    def __acl__(self):
        found = self.request.rows(text("SELECT public_id FROM owner"), {})
        others = self.request.read(text("SELECT public_id FROM other"))
        who = "stranger" if self.request.identity is None else "user"
        return [(Allow, f"{who}:{row.public_id}", "look") for row in [*found, *others]]


@pytest.mark.parametrize("method", ["get", "put"])
def test_it_asks_acls_that_look_something_up(registry, method):
    found = operation(registry, service(Owned, method=method, permission="look"), method)
    assert {"401", "403"} <= found["responses"].keys()


@pytest.mark.parametrize(("permission", "challenges"), [("touch", False), ("burn", True)])
def test_it_promises_a_challenge_where_the_policy_may_refuse(registry, permission, challenges):
    schemas = {"403": Bare(description="Not yours.")}
    made = service(Things, permission=permission, response_schemas=schemas)
    answer = operation(registry, made)["responses"]["403"]
    assert ("WWW-Authenticate" in answer.get("headers", {})) == challenges


def test_it_prefers_what_a_service_says_itself(registry):
    found = operation(
        registry,
        service(
            Things,
            permission="touch",
            operation_id="look_at_things",
            api_security=[{"bearer": []}, {}],
        ),
    )
    assert found["operationId"] == "look_at_things"
    assert found["security"] == [{"bearer": []}, {}]


def test_it_adds_no_header_to_an_answer_that_has_its_own(registry):
    class Slow(colander.MappingSchema):
        header = colander.MappingSchema(
            name="header",
            children=[response_key(Text(), "When to look again.", name="Retry-After")],
        )

    made = service(response_schemas={"503": Slow(description="Busy.")})
    described = operation(registry, made)["responses"]["503"]
    assert described["headers"] == {
        "Retry-After": {"type": "string", "description": "When to look again."}
    }


def test_it_leaves_a_service_as_it_was(registry):
    made = service(Thing, "/things/{id:[0-9]+}", preconditions=True)
    before = [dict(args) for _method, _view, args in made.definitions]
    operation(registry, made)
    assert made.path == "/things/{id:[0-9]+}"
    assert [args for _method, _view, args in made.definitions] == before


def test_it_leaves_out_what_is_not_to_be_documented(registry):
    shown, hidden = service(), Service("hidden", "/hidden", documented=False)

    @hidden.get()
    def view(_request):
        """Be hidden."""

    assert registry(shown, hidden).documents.swagger["paths"].keys() == {"/things"}
