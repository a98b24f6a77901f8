"""What a plugin may ask of a service of its own, and where the services are."""

import copy

import pytest
from core import core_ini, serving
from pyramid.scripts.pviews import PViewsCommand

from widget_service.testing import application
from widget_service.widgets.views import widgets


@pytest.fixture
def picky(own_database, tmp_path):
    with serving(tmp_path, "plugins.picky", sqlalchemy__url=own_database) as testapp:
        yield testapp


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("picky"), "plugins.picky") as testapp:
        yield testapp


def test_it_answers_406_of_a_service_that_is_picky_about_accept(plain):
    response = plain.get("/api/v1/picky/xml", headers={"Accept": "text/csv"}, status=406)
    assert set(response.json) == {"message"}


def test_it_answers_415_of_a_service_that_is_picky_about_content_types(plain):
    assert plain.post("/api/v1/picky/csv", "a", content_type="text/csv").json == {}
    response = plain.post("/api/v1/picky/csv", {"a": "b"}, status=415)
    assert set(response.json) == {"message"}


def test_it_names_the_location_of_a_rule_across_fields(plain):
    assert plain.post("/api/v1/picky/between", {"low": "1", "high": "2"}).json
    response = plain.post("/api/v1/picky/between", {"low": "2", "high": "1"}, status=400)
    assert response.json["errors"] == {"body": "low must not be above high"}


def test_it_names_every_field_that_failed(plain):
    response = plain.post("/api/v1/picky/between", {}, status=400)
    assert set(response.json["errors"]) == {"low", "high"}


@pytest.mark.parametrize(
    ("etag", "headers", "status"),
    [
        ("1", {}, 200),
        ("none", {}, 200),
        ("1", {"If-Match": '"1"'}, 200),
        ("1", {"If-Match": '"0", "1"'}, 200),
        ("1", {"If-Match": "*"}, 200),
        ("1", {"If-Match": '"0"'}, 412),
        ("none", {"If-Match": '"0"'}, 412),
        ("none", {"If-Match": "*"}, 412),
        ("1", {"If-None-Match": '"1"'}, 412),
        ("1", {"If-None-Match": "*"}, 412),
        ("1", {"If-None-Match": '"0"'}, 200),
        ("none", {"If-None-Match": "*"}, 200),
        ("1", {"If-Match": '"1"', "If-None-Match": '"1"'}, 412),
        # RFC 9110, 13.1.1: If-Match compares strongly.
        ("1", {"If-Match": 'W/"1"'}, 412),
        ("1", {"If-Match": "junk"}, 412),
    ],
)
def test_it_checks_preconditions(plain, etag, headers, status):
    response = plain.put(f"/api/v1/picky/versioned/{etag}", headers=headers, status=status)
    assert set(response.json) == ({"message"} if status == 412 else set())


def test_it_answers_404_where_the_database_cannot_hold_what_is_sought(picky):
    assert picky.get("/api/v1/picky/sought/1/a").json == {"same": True}
    postgresql = picky.app.registry.database.read_engine.dialect.name == "postgresql"
    assert picky.get(f"/api/v1/picky/sought/{2**63}/a", status=404).json.keys() == {"message"}
    # SQLite has a place for a NUL.
    picky.get("/api/v1/picky/sought/1/a%00", status=404 if postgresql else 200)
    assert picky.get("/api/v1/picky/sought/1/a").json == {"same": True}


def test_it_refuses_to_start_with_two_services_on_one_path(tmp_path):
    ini = core_ini(tmp_path, "plugins.echo", "plugins.twice")
    with pytest.raises(SystemExit) as refusal:
        application(ini, tmp_path)
    assert "/echo/{}" in str(refusal.value)
    assert "plugins/echo.py" in str(refusal.value)
    assert "plugins/twice.py" in str(refusal.value)


def test_it_serves_one_path_below_two_prefixes(tmp_path, write_plugin):
    write_plugin(
        "legacy",
        "from pyramid.security import NO_PERMISSION_REQUIRED\n"
        "from widget_service.rest import Service\n"
        "old = Service('legacy', '/echo')\n"
        "@old.get(permission=NO_PERMISSION_REQUIRED)\n"
        "def get_old(_request):\n"
        "    return {'old': True}\n"
        "def includeme(config):\n"
        "    config.include('widget_service')\n"
        "    config.add_rest_service(old, prefix='/legacy')\n",
    )
    with serving(tmp_path, "plugins.echo", "legacy") as testapp:
        assert testapp.get("/legacy/echo").json == {"old": True}
        assert testapp.get("/api/v1/echo").json == {"size": 1, "text": None}


@pytest.mark.parametrize("prefix", ["", "/", "api", "/api/", "/a b", "/{x}"])
def test_it_refuses_to_start_with_a_prefix_that_is_no_path(tmp_path, prefix):
    with pytest.raises(SystemExit, match=r"rest\.prefix"):
        application(core_ini(tmp_path, rest__prefix=prefix), tmp_path)


def test_it_serves_below_the_prefix_it_is_told(tmp_path):
    with serving(tmp_path, "plugins.echo", rest__prefix="/things/v2.1") as testapp:
        assert testapp.get("/things/v2.1/echo").json
        assert testapp.get("/api/v1/echo", status=404).json


def test_it_documents_views_without_breaking_pviews(tmp_path, capsys):
    # The predicates of cornice_swagger crash it.
    with serving(tmp_path, "plugins.echo"):
        PViewsCommand(["pviews", str(tmp_path / "test.ini"), "/api/v1/restricted"]).run()
    assert "get_restricted" in capsys.readouterr().out


HEADERS = """
from pyramid.security import NO_PERMISSION_REQUIRED
from widget_service.rest import Service

late = Service("late", "/late")

@late.get(permission=NO_PERMISSION_REQUIRED)
def get(request):
    headers = request.response.headers
    request.response.md5_etag(b"another body", set_content_md5=True)
    request.add_response_callback(lambda _request, _response: headers.update({"X-Late": "1"}))
    return {"a": 1}

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(late)
"""


def test_it_keeps_the_headers_of_a_view_but_those_of_another_body(tmp_path, write_plugin):
    write_plugin("late", HEADERS)
    with serving(tmp_path, "late") as client:
        response = client.get("/api/v1/late")
    assert response.headers["X-Late"] == "1"
    assert "ETag" in response.headers
    assert "Content-MD5" not in response.headers
    assert response.headers["Content-Length"] == "7"


def test_the_schemas_of_answers_are_not_copied_for_each_view():
    for _method, _view, options in widgets.definitions:
        # As Cornice does with what it passes on to Pyramid.
        assert copy.deepcopy(options["response_schemas"]) is options["response_schemas"]


ROOMS = """
import colander
from pyramid.security import NO_PERMISSION_REQUIRED
from widget_service.fields import WholeNumber
from widget_service.rest import Service

class Schema(colander.MappingSchema):
    @colander.instantiate()
    class path(colander.MappingSchema):
        number = colander.SchemaNode(WholeNumber())

rooms = Service("rooms", "/rooms/{number}")

@rooms.get(permission=NO_PERMISSION_REQUIRED, schema=Schema())
def get(request):
    return request.validated["path"]

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(rooms)
"""


def test_a_schema_may_be_of_the_path(tmp_path, write_plugin):
    write_plugin("rooms", ROOMS)
    with serving(tmp_path, "rooms") as testapp:
        assert testapp.get("/api/v1/rooms/12").json == {"number": 12}
        assert set(testapp.get("/api/v1/rooms/x", status=400).json["errors"]) == {"number"}


def test_it_says_what_is_wrong_with_a_body_whatever_else_the_client_sends(plain):
    # The default locale negotiator reads the parameters of the query, and fails.
    response = plain.post("/api/v1/picky/between?a=%ff", {}, status=400)
    assert set(response.json["errors"]) == {"low", "high"}


METHODS = """
from pyramid.security import NO_PERMISSION_REQUIRED
from widget_service.rest import Service

class Room:
    def __init__(self, request):
        self.request = request

    def show(self):
        return {"number": self.request.matchdict["number"]}

rooms = Service("rooms", "/rooms/{number}")
rooms.add_view("GET", "show", klass=Room, permission=NO_PERMISSION_REQUIRED)

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(rooms)
"""


def test_a_view_may_be_a_method(tmp_path, write_plugin):
    write_plugin("rooms", METHODS)
    with serving(tmp_path, "rooms") as testapp:
        assert testapp.get("/api/v1/rooms/12").json == {"number": "12"}
