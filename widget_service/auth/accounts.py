"""Accounts: the rules, over a session and plain values."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from widget_service import events
from widget_service.auth.events import UserRegistered
from widget_service.auth.models import BlacklistedToken, IssuedToken, User
from widget_service.db import Rows, first, utc_now
from widget_service.emails import email_key
from widget_service.errors import Conflict

# What find_locked finds.
Locked = Row[int, str, str, int]

_BY_KEY = select(
    User.public_id, User.admin, User.password_hash, User.password_version, User.disabled
).where(User.email_key == bindparam("key"))

_LOCKED = (
    select(User.id, User.public_id, User.email, User.password_version)
    .where(User.email_key == bindparam("key"))
    .with_for_update()
)

# Who is the bearer, is the token revoked, is this an administrator now: one statement.
_IDENTITY = select(
    User.id,
    User.public_id,
    User.email,
    User.admin,
    User.registered_on,
    exists().where(BlacklistedToken.jti == bindparam("jti")).label("revoked"),
).where(User.public_id == bindparam("sub"), User.disabled.is_(False))


def find_login(rows: Rows, email: str) -> Row[Any] | None:
    """The account with this address: its ``public_id``, ``admin``, ``password_hash``,
    ``password_version`` and ``disabled``.
    """
    return first(rows(_BY_KEY, {"key": email_key(email)}))


def find_identity(rows: Rows, sub: str, jti: str) -> Row[Any] | None:
    """The user of a token, and in ``revoked`` whether the token was logged out.

    None where the account is gone or disabled.
    """
    return first(rows(_IDENTITY, {"sub": sub, "jti": jti}))


def taken(email: str) -> Conflict:
    """The error for an address that has an account."""
    return Conflict(f"{email} is already registered")


def register(session: Session, email: str, password_hash: str, *, admin: bool = False) -> User:
    """Make an account.

    :raises Conflict: the address has one, perhaps since a moment ago
    :raises Exception: the veto of a subscriber to UserRegistered
    """
    user = User(
        public_id=str(uuid.uuid4()),
        email=email,
        email_key=email_key(email),
        password_hash=password_hash,
        registered_on=utc_now(),
        admin=admin,
        disabled=False,
        password_version=0,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise taken(email) from None
    events.publish(UserRegistered(session, user.id, user.public_id, email))
    return user


def upgrade_hash(session: Session, public_id: str, old: str, new: str) -> None:
    """Keep a hash with today's parameters, unless the password was changed meanwhile."""
    session.execute(
        update(User)
        .where(User.public_id == public_id, User.password_hash == old)
        .values(password_hash=new)
    )


def find_locked(session: Session, email: str) -> Locked | None:
    """The account with this address: its ``id``, ``public_id``, ``email`` as it was registered, and
    ``password_version``.

    As with :func:`lock`, nobody changes it, or logs in to it, before the transaction ends.

    :raises ValueError: this is no e-mail address
    """
    return session.execute(_LOCKED, {"key": email_key(email)}).one_or_none()


def change(session: Session, user_id: int, **values: bool) -> None:
    """Set ``admin`` or ``disabled`` of an account."""
    session.execute(update(User).where(User.id == user_id).values(**values))


def lock(session: Session, user_id: int) -> None:
    """Let nobody change an account, or log in to it, before the transaction ends.

    What is read before may be outdated by the time that the lock is there, on PostgreSQL.
    """
    session.execute(select(User.id).where(User.id == user_id).with_for_update())


def change_password(session: Session, user_id: int, version: int, password_hash: str) -> bool:
    """Replace a password.

    :param version: the ``password_version`` of the password that was verified
    :returns: False where that one is no longer the password
    """
    statement = (
        update(User)
        .where(User.id == user_id, User.password_version == version)
        .values(password_hash=password_hash, password_version=version + 1)
    )
    return session.execute(statement).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def remove(session: Session, user_id: int) -> None:
    """Delete an account, which should be locked. Its tokens are worthless at once.

    :raises IntegrityError: something belongs to it that is not of accounts
    """
    session.execute(delete(IssuedToken).where(IssuedToken.user_id == user_id))
    session.execute(delete(User).where(User.id == user_id))
