"""The lineage of contexts: administrators may do everything, others what is granted to them."""

from types import SimpleNamespace

import pytest
import webtest
from core import serving
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.location import lineage

from widget_service.errors import NOT_FOUND, NotFound
from widget_service.principals import ADMINISTRATOR, UNDECLARED, for_everyone, for_users
from widget_service.resources import Context, ObjectContext, Root


class Gadgets(Context):
    __acl__ = ((Allow, Everyone, "gadgets:look"), (Allow, Authenticated, "gadgets:read"))


@pytest.fixture
def gadgets():
    return Gadgets("the request")


def may(context, permission, *principals):
    return bool(ACLHelper().permits(context, [Everyone, *principals], permission))


@pytest.mark.parametrize("permission", ["gadgets:read", "gadgets:delete", UNDECLARED, "anything"])
def test_it_lets_administrators_do_everything(gadgets, permission):
    assert may(gadgets, permission, Authenticated, ADMINISTRATOR)
    assert may(Context("the request"), permission, ADMINISTRATOR)


@pytest.mark.parametrize("permission", ["gadgets:delete", UNDECLARED, ""])
def test_it_grants_nobody_else_what_no_acl_grants(gadgets, permission):
    assert not may(gadgets, permission, Authenticated)
    assert not may(Context("the request"), permission, Authenticated)


def test_it_grants_what_an_acl_grants(gadgets):
    assert may(gadgets, "gadgets:read", Authenticated)
    assert not may(gadgets, "gadgets:read")
    assert may(gadgets, "gadgets:look")


def test_it_tells_for_whom_a_permission_is(gadgets):
    assert [for_everyone(gadgets, f"gadgets:{p}") for p in ("look", "read", "x")] == [
        True,
        False,
        False,
    ]
    assert [for_users(gadgets, f"gadgets:{p}") for p in ("look", "read", "x")] == [
        True,
        True,
        False,
    ]


def test_its_lineage_ends_at_the_root(gadgets):
    first, root = lineage(gadgets)
    assert first is gadgets
    assert isinstance(root, Root)
    assert first.request == root.request == "the request"


class OneGadget(ObjectContext):
    """It is there unless it is the lost one, and says what it was found with."""

    parent = Gadgets
    missing = "There is no {code} of {colour}."
    creating = ("PUT",)

    def find(self, rows):
        return None if self.request.matchdict["code"] == "lost" else f"read with {rows}"

    def lock(self, session):
        return None if self.request.matchdict["code"] == "lost" else f"locked in {session}"


def asked(method, code="here", colour="red"):
    """As much of a request as a context looks at."""
    return SimpleNamespace(
        method=method,
        environ={"REQUEST_METHOD": method},
        matchdict={"code": code, "colour": colour},
        read="rows",
        dbsession="a session",
    )


def test_its_parent_grants_what_it_does_not_say_itself():
    gadget = OneGadget(asked("GET"))
    assert [type(each) for each in lineage(gadget)] == [OneGadget, Gadgets, Root]
    assert may(gadget, "gadgets:read", Authenticated)


@pytest.mark.parametrize(
    ("method", "found"),
    [
        ("GET", "read with rows"),
        ("HEAD", "read with rows"),
        ("POST", "locked in a session"),
        ("PUT", "locked in a session"),
        ("PATCH", "locked in a session"),
        ("DELETE", "locked in a session"),
    ],
)
def test_it_reads_an_object_or_locks_it_for_who_writes(method, found):
    gadget = OneGadget(asked(method))
    assert gadget.found is None
    gadget.load()
    assert gadget.found == found


class Waited(OneGadget):
    """Whose view waits for something before there is a transaction."""

    before_transaction = True


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_locks_nothing_before_the_transaction_until_the_view_says_so(method):
    gadget = Waited(asked(method))
    gadget.load()
    assert gadget.found == "read with rows"
    gadget.lock_found()
    assert gadget.found == "locked in a session"


def test_it_misses_what_has_gone_while_the_view_waited():
    gadget = Waited(asked("DELETE"))
    gadget.load()
    gadget.request.matchdict["code"] = "lost"
    with pytest.raises(NotFound, match=r"^There is no lost of red\.$"):
        gadget.lock_found()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
def test_it_says_in_the_words_of_the_plugin_what_is_not_there(method):
    with pytest.raises(NotFound, match=r"^There is no lost of \{red\}\?\.$"):
        OneGadget(asked(method, "lost", "{red}\ud800")).load()


def test_it_misses_nothing_that_the_request_makes():
    gadget = OneGadget(asked("PUT", "lost"))
    gadget.load()
    assert gadget.found is None


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_it_says_when_a_plugin_has_left_out_how_an_object_is_found(method):
    with pytest.raises(NotImplementedError):
        ObjectContext(asked(method)).load()


def where(request):
    names = ("context", "root", "view_name", "subpath", "traversed", "virtual_root_path")
    found = {name: getattr(request, name) for name in names}
    return found | {name: type(found[name]).__name__ for name in ("context", "root")}


@pytest.fixture
def arrive():
    """A function that answers where a request arrives, with Pyramid's traverser or with ours."""

    def at(path, headers, *, ours):
        config = Configurator()
        if ours:
            config.include("widget_service.resources")
        config.set_root_factory(Gadgets)
        config.add_route("plain", "/plain/{name}", factory=Gadgets)
        config.add_route("more", "/more/*traverse", factory=Gadgets)
        config.add_route("below", "/below/*subpath", factory=Gadgets)
        for route in ("plain", "more", "below", None):
            for name in ("", "named"):
                config.add_view(where, name=name, route_name=route, renderer="json")
        return webtest.TestApp(config.make_wsgi_app()).get(path, headers=headers).json

    return at


@pytest.mark.parametrize("path", ["/plain/x", "/more/named/x", "/more/", "/below/a/b", "/named/a"])
def test_it_arrives_where_pyramid_does(arrive, path):
    assert arrive(path, {}, ours=True) == arrive(path, {}, ours=False)


@pytest.mark.parametrize("path", ["/plain/x", "/more/", "/below/a/b", "/"])
def test_no_header_leads_astray(arrive, path):
    assert arrive(path, {"X-Vhm-Root": "/named"}, ours=False)["view_name"] == "named"
    assert arrive(path, {"X-Vhm-Root": "/named"}, ours=True)["view_name"] == ""


@pytest.mark.parametrize("header", ["/named", "/\xff"])
def test_no_header_leads_astray_where_a_route_has_no_context(tmp_path, header):
    headers = {"X-Vhm-Root": header}
    with serving(tmp_path, "widget_service.docs") as client:
        assert client.get("/api/v1/swagger.json", headers=headers).json["swagger"] == "2.0"
        # Nor where there is no route.
        assert client.get("/nowhere", headers=headers, status=404).json == {"message": NOT_FOUND}
