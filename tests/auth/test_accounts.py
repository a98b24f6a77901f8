"""The rules of accounts, over a session and plain values."""

import uuid
from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import func, select

from widget_service.auth import accounts
from widget_service.auth.models import User
from widget_service.errors import Conflict

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
EMAIL = "User@Example.com"


def rows(session):
    return lambda statement, parameters: session.execute(statement, parameters).fetchall()


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
    assert found == (user.public_id, False, "a hash", 0, False)
    assert accounts.find_login(rows(session), "other@example.com") is None


def test_it_upgrades_a_hash_unless_it_changed_meanwhile(session):
    user = accounts.register(session, EMAIL, "old")
    accounts.upgrade_hash(session, user.public_id, "other", "new")
    session.refresh(user)
    assert user.password_hash == "old"
    accounts.upgrade_hash(session, user.public_id, "old", "new")
    session.refresh(user)
    assert user.password_hash == "new"


def test_it_locks_the_account_with_that_address(session):
    user = accounts.register(session, "stra\xdfe@example.com", "a hash")
    expected = (user.id, user.public_id, "stra\xdfe@example.com", 0)
    assert accounts.find_locked(session, "STRASSE@EXAMPLE.com") == expected
    assert accounts.find_locked(session, "nobody@example.com") is None
    with pytest.raises(ValueError, match="@"):
        accounts.find_locked(session, "nobody")


def test_it_changes_flags_of_one_account(session):
    user = accounts.register(session, EMAIL, "a hash")
    other = accounts.register(session, "other@example.com", "a hash")
    accounts.change(session, user.id, admin=True, disabled=True)
    session.expire_all()
    assert (user.admin, user.disabled) == (True, True)
    assert (other.admin, other.disabled) == (False, False)


def test_it_changes_a_password_only_from_the_one_that_was_verified(session):
    user = accounts.register(session, EMAIL, "old")
    assert not accounts.change_password(session, user.id, 1, "new")
    assert accounts.change_password(session, user.id, 0, "new")
    assert not accounts.change_password(session, user.id, 0, "newer")
    session.refresh(user)
    assert (user.password_hash, user.password_version) == ("new", 1)


def test_it_never_uses_an_id_again(session):
    first = accounts.register(session, EMAIL, "a hash").id
    accounts.remove(session, first)
    session.expunge_all()
    assert accounts.register(session, EMAIL, "a hash").id > first
