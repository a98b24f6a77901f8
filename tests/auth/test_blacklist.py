"""The blacklist: what is on it, for how long, and how it is cleaned."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from widget_service.auth import sessions
from widget_service.auth.models import BlacklistedToken

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def blacklist(session, *expiries):
    values = [
        {"jti": str(uuid.uuid4()), "expires_at": moment, "blacklisted_on": NOW}
        for moment in expiries
    ]
    session.execute(insert(BlacklistedToken), values)


def count(session):
    return session.scalar(select(func.count()).select_from(BlacklistedToken))


@pytest.mark.parametrize("purge", [0, 1])
def test_it_blacklists_a_token_once(session, purge):
    expires_at = int(NOW.timestamp()) + 60
    with time_machine.travel(NOW, tick=False):
        assert sessions.log_out(session, "a", expires_at, purge=purge, leeway=0)
        assert not sessions.log_out(session, "a", expires_at, purge=purge, leeway=0)
        assert sessions.log_out(session, "b", expires_at, purge=purge, leeway=0)
    row = session.get(BlacklistedToken, "a")
    assert row.expires_at == NOW + timedelta(seconds=60)
    assert row.blacklisted_on == NOW


def test_it_keeps_a_row_while_any_server_takes_the_token(session):
    blacklist(session, NOW)
    with time_machine.travel(NOW + timedelta(seconds=30), tick=False):
        assert sessions.purge_expired(session, BlacklistedToken, 100, leeway=30) == 0
    with time_machine.travel(NOW + timedelta(seconds=31), tick=False):
        assert sessions.purge_expired(session, BlacklistedToken, 100, leeway=30) == 1
    assert count(session) == 0


def test_it_purges_in_steps_and_what_expired_first_first(session):
    blacklist(session, *(NOW - timedelta(hours=hours) for hours in range(-1, 5)))
    with time_machine.travel(NOW, tick=False):
        assert sessions.purge_expired(session, BlacklistedToken, 2, leeway=0) == 2
        oldest = session.scalar(select(func.min(BlacklistedToken.expires_at)))
        assert oldest == NOW - timedelta(hours=2)
        assert sessions.purge_expired(session, BlacklistedToken, 2, leeway=0) == 2
        assert sessions.purge_expired(session, BlacklistedToken, 2, leeway=0) == 0
    assert count(session) == 2


def test_it_does_not_wait_for_another_purge(client):
    engine = client.registry.database.write_engine
    if engine.dialect.name == "sqlite":
        # Writers take turns there.
        return
    with Session(engine) as one, Session(engine) as other:
        blacklist(one, NOW - timedelta(days=2), NOW - timedelta(days=1))
        one.commit()
        with time_machine.travel(NOW, tick=False):
            assert sessions.purge_expired(one, BlacklistedToken, 1, leeway=0) == 1
            assert sessions.purge_expired(other, BlacklistedToken, 9, leeway=0) == 1
        one.commit()
        other.commit()
        assert count(one) == 0
