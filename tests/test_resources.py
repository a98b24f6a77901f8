"""The lineage of contexts: administrators may do everything, others what is granted to them."""

import pytest
import webtest
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.location import lineage

from widget_service.principals import ADMINISTRATOR, UNDECLARED, for_everyone, for_users
from widget_service.resources import Context, Root


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


def test_no_header_leads_astray(arrive):
    assert arrive("/plain/x", {"X-Vhm-Root": "/named"}, ours=False)["view_name"] == "named"
    assert arrive("/plain/x", {"X-Vhm-Root": "/named"}, ours=True)["view_name"] == ""
