"""Domain events, by a plugin that publishes them and reacts to them (plugins/happenings.py)."""

from contextlib import closing

import pytest
from plugins.happenings import Happened
from sqlalchemy import select

from widget_service import events
from widget_service.auth.models import BlacklistedToken
from widget_service.db import new_session
from widget_service.testing import Client, application, empty, ini_text, new_database, run

PLUGINS = ["plugins.happenings"]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def happening(request, tmp_path_factory):
    """An application with the plugin, on a database of its own."""
    directory = tmp_path_factory.mktemp("events")
    with new_database(request.param, request, directory) as url:
        made = application(ini_text(url, PLUGINS), directory)
        with closing(made.registry.database):
            yield made


@pytest.fixture
def client(happening):
    empty(happening.registry)
    return Client(happening)


@pytest.fixture
def heard(client):
    """What the commit subscriber heard of, in order."""
    client.registry.heard.clear()
    return client.registry.heard


def rows(client):
    statement = select(BlacklistedToken.jti)
    return {row.jti for row in client.registry.database.read(statement)}


def happen(client, how, status=200):
    return client.post(f"/api/v1/happenings/{how}", status=status)


def written(*jtis):
    """What is in the table after these have happened."""
    return {f"{prefix}{jti}" for jti in jtis for prefix in ("", "reaction to ", "heard of ")}


@pytest.mark.parametrize(
    ("how", "jtis"),
    [
        ("plain", ["plain"]),
        ("twice", ["first", "second"]),
        ("kept-savepoint", ["inner", "outer"]),
        ("undone-savepoint", ["before", "after"]),
    ],
)
def test_it_reacts_in_the_transaction_and_after_the_commit(client, heard, how, jtis):
    happen(client, how)
    assert heard == jtis
    assert rows(client) == written(*jtis)


def test_it_reacts_once_to_each_of_several_requests(client, heard):
    happen(client, "announced")
    happen(client, "plain")
    assert heard == ["announced", "plain"]


def test_it_reacts_where_nobody_writes_anything(client, heard):
    happen(client, "announced")
    run(client.registry, "happen", how="announced")
    assert heard == ["announced", "announced"]


def test_it_writes_nothing_after_a_veto(client, heard):
    response = happen(client, "vetoed", status=409)
    assert response.json == {"status": "fail", "message": "not today"}
    assert (heard, rows(client)) == ([], set())


def test_it_writes_nothing_after_an_answer_that_is_a_refusal(client, heard):
    happen(client, "refused", status=409)
    assert (heard, rows(client)) == ([], set())


def test_it_keeps_what_was_committed_when_a_reaction_fails(client, heard, caplog):
    happen(client, "failing")
    assert heard == ["failing"]
    assert rows(client) == {"failing", "reaction to failing"}
    assert "failed after the commit of Happened" in caplog.text
    assert "ZeroDivisionError: failing" in caplog.text
    happen(client, "plain")
    assert heard == ["failing", "plain"]


@pytest.mark.parametrize("by", ["request", "command"])
def test_it_closes_the_session_of_an_event_to_whoever_hears_after_the_commit(
    client, heard, caplog, by
):
    if by == "request":
        happen(client, "reused")
    else:
        run(client.registry, "happen", how="reused")
    assert heard == ["reused"]
    assert rows(client) == written("reused")
    assert "failed after the commit of Happened" in caplog.text


def test_it_reacts_to_what_happens_in_a_command(client, heard):
    run(client.registry, "happen", how="undone-savepoint")
    assert heard == ["before", "after"]
    assert rows(client) == written("before", "after")


def test_it_forgets_what_a_command_rolled_back(client, heard):
    session = new_session(client.registry)
    for jti, end in (("gone", session.rollback), ("stays", session.commit)):
        events.publish(Happened(session, jti))
        end()
    session.close()
    assert heard == ["stays"]


def test_it_ends_a_command_with_a_veto(client, heard):
    with pytest.raises(Exception, match="not today"):
        run(client.registry, "happen", how="vetoed")
    assert (heard, rows(client)) == ([], set())


def test_it_keeps_the_reactions_of_applications_apart(client, heard, tmp_path):
    other = application(ini_text(f"sqlite:///{tmp_path / 'other.sqlite'}", PLUGINS), tmp_path)
    with closing(other.registry.database):
        run(other.registry, "happen", how="plain")
        assert (other.registry.heard, heard) == (["plain"], [])
        happen(client, "plain")
        assert (other.registry.heard, heard) == (["plain"], ["plain"])
