"""Without a plugin that says who is who, everything that is not for everyone is closed."""

import pytest
from core import serving
from pyramid.interfaces import ISecurityPolicy

from widget_service.principals import Refused
from widget_service.security import Closed


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("closed"), "plugins.echo") as testapp:
        yield testapp


def test_it_opens_what_is_for_everyone(closed):
    assert closed.get("/api/v1/echo").json


@pytest.mark.parametrize("header", ["Bearer abc", "Basic YTpi", ""])
def test_it_knows_nobody(closed, header):
    response = closed.get("/api/v1/restricted", headers={"Authorization": header}, status=403)
    assert response.json == {"message": "Forbidden"}


def test_it_has_no_memory(closed):
    policy = closed.app.registry.getUtility(ISecurityPolicy)
    assert isinstance(policy, Closed)
    assert policy.identity(None) is None
    assert policy.authenticated_userid(None) is None
    assert policy.remember(None, "joe") == policy.forget(None) == []


def test_a_policy_of_a_plugin_takes_its_place(client):
    assert not isinstance(client.registry.getUtility(ISecurityPolicy), Closed)


def test_a_refusal_is_a_no_that_knows_its_answer():
    refusal = Refused(401, "Unauthorized %s", 'Bearer realm="r"')
    assert not refusal
    assert (refusal.status, refusal.message) == (401, "Unauthorized %s")
    assert refusal.challenge == 'Bearer realm="r"'
    assert str(refusal) == "refused"
