"""The lineage of contexts: administrators may do everything, others what is granted to them."""

import pytest
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
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
