"""The rules of accounts, over a session and plain values."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from widget_service.auth import accounts
from widget_service.auth.models import BlacklistedToken, User
from widget_service.errors import Conflict

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
EMAIL = "User@Example.com"


@pytest.fixture
def session(client):
    """A session on emptied tables; what a test does in it is rolled back."""
    registry = client.registry
    with Session(registry.database.write_engine, info={"registry": registry}) as session:
        yield session


def rows(session):
    return lambda statement, parameters: session.execute(statement, parameters).fetchall()


def blacklist(session, *expiries):
    values = [
        {"jti": str(uuid.uuid4()), "expires_at": moment, "blacklisted_on": NOW}
        for moment in expiries
    ]
    session.execute(insert(BlacklistedToken), values)


def count(session):
    return session.scalar(select(func.count()).select_from(BlacklistedToken))


def test_it_keeps_an_account_as_it_was_registered(session):
    with time_machine.travel(NOW, tick=False):
        user = accounts.register(session, EMAIL, "a hash", admin=True)
    session.expire_all()
    assert (user.email, user.email_key) == (EMAIL, "user@example.com")
    assert (user.admin, user.disabled, user.registered_on) == (True, False, NOW)
    assert uuid.UUID(user.public_id).version == 4


def test_it_makes_nobody_an_administrator_unasked(session):
    assert accounts.register(session, EMAIL, "a hash").admin is False


def test_it_raises_a_conflict_and_leaves_the_session_usable(session):
    accounts.register(session, EMAIL, "a hash")
    with pytest.raises(Conflict, match=r"USER@EXAMPLE\.COM is already registered"):
        accounts.register(session, "USER@EXAMPLE.COM", "a hash")
    assert session.scalar(select(func.count()).select_from(User)) == 1


def test_it_finds_the_login_of_an_address_in_any_case(session):
    user = accounts.register(session, EMAIL, "a hash")
    found = accounts.find_login(rows(session), "uSER@eXAMPLE.cOM")
    assert found == (user.public_id, False, "a hash", False)
    assert accounts.find_login(rows(session), "other@example.com") is None


def test_it_upgrades_a_hash_unless_it_changed_meanwhile(session):
    user = accounts.register(session, EMAIL, "old")
    accounts.upgrade_hash(session, user.public_id, "other", "new")
    session.refresh(user)
    assert user.password_hash == "old"
    accounts.upgrade_hash(session, user.public_id, "old", "new")
    session.refresh(user)
    assert user.password_hash == "new"


def test_it_changes_flags_of_the_account_with_that_address(session):
    user = accounts.register(session, EMAIL, "a hash")
    other = accounts.register(session, "other@example.com", "a hash")
    assert accounts.change(session, "user@EXAMPLE.com", admin=True, disabled=True)
    session.expire_all()
    assert (user.admin, user.disabled) == (True, True)
    assert (other.admin, other.disabled) == (False, False)
    assert not accounts.change(session, "nobody@example.com", admin=True)
    with pytest.raises(ValueError, match="@"):
        accounts.change(session, "nobody", admin=True)


@pytest.mark.parametrize("purge", [0, 1])
def test_it_blacklists_a_token_once(session, purge):
    expires_at = int(NOW.timestamp()) + 60
    with time_machine.travel(NOW, tick=False):
        assert accounts.log_out(session, "a", expires_at, purge=purge, leeway=0)
        assert not accounts.log_out(session, "a", expires_at, purge=purge, leeway=0)
        assert accounts.log_out(session, "b", expires_at, purge=purge, leeway=0)
    row = session.get(BlacklistedToken, "a")
    assert row.expires_at == NOW + timedelta(seconds=60)
    assert row.blacklisted_on == NOW


def test_it_keeps_a_row_while_any_server_takes_the_token(session):
    blacklist(session, NOW)
    with time_machine.travel(NOW + timedelta(seconds=30), tick=False):
        assert accounts.purge_blacklist(session, 100, leeway=30) == 0
    with time_machine.travel(NOW + timedelta(seconds=31), tick=False):
        assert accounts.purge_blacklist(session, 100, leeway=30) == 1
    assert count(session) == 0


def test_it_purges_in_steps_and_what_expired_first_first(session):
    blacklist(session, *(NOW - timedelta(hours=hours) for hours in range(-1, 5)))
    with time_machine.travel(NOW, tick=False):
        assert accounts.purge_blacklist(session, 2, leeway=0) == 2
        oldest = session.scalar(select(func.min(BlacklistedToken.expires_at)))
        assert oldest == NOW - timedelta(hours=2)
        assert accounts.purge_blacklist(session, 2, leeway=0) == 2
        assert accounts.purge_blacklist(session, 2, leeway=0) == 0
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
            assert accounts.purge_blacklist(one, 1, leeway=0) == 1
            assert accounts.purge_blacklist(other, 9, leeway=0) == 1
        one.commit()
        other.commit()
        assert count(one) == 0
