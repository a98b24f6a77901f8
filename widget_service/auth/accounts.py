"""Accounts: the rules, over a session and plain values."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, exists, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from widget_service import events
from widget_service.auth.events import UserRegistered
from widget_service.auth.models import BlacklistedToken, User
from widget_service.auth.schemas import email_key
from widget_service.db import utc_now
from widget_service.errors import Conflict

# Runs a statement with parameters and answers its rows: Request.rows, or Request.read.
Rows = Callable[[Any, Mapping[str, Any]], Sequence[Row[Any]]]

_BY_KEY = select(User.public_id, User.admin, User.password_hash, User.disabled).where(
    User.email_key == bindparam("key")
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
    """``public_id, admin, password_hash, disabled`` of the account with this address."""
    found = rows(_BY_KEY, {"key": email_key(email)})
    return found[0] if found else None


def find_identity(rows: Rows, sub: str, jti: str) -> Row[Any] | None:
    """The user of a token, and in ``revoked`` whether the token was logged out.

    None where the account is gone or disabled.
    """
    found = rows(_IDENTITY, {"sub": sub, "jti": jti})
    return found[0] if found else None


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


def change(session: Session, email: str, **values: bool) -> bool:
    """Set ``admin`` or ``disabled`` of an account; False where there is no such account."""
    statement = update(User).where(User.email_key == email_key(email)).values(**values)
    return session.execute(statement).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def log_out(session: Session, jti: str, expires_at: int, *, purge: int, leeway: int) -> bool:
    """Blacklist a token until it expires, and remove some rows that have.

    :param expires_at: Unix seconds
    :param purge: how many rows at the most
    :param leeway: as for :func:`purge_blacklist`
    :returns: False where the token is blacklisted already
    """
    row = {
        "jti": jti,
        "expires_at": datetime.fromtimestamp(expires_at, UTC),
        "blacklisted_on": utc_now(),
    }
    try:
        with session.begin_nested():
            session.execute(insert(BlacklistedToken), row)
    except IntegrityError:
        return False
    purge_blacklist(session, purge, leeway)
    return True


def purge_blacklist(session: Session, most: int, leeway: int) -> int:
    """Remove rows of tokens that have expired, ``most`` at the most; how many there were.

    :param leeway: how far servers' clocks differ, in seconds; a row lives that much longer than
        its token, which otherwise would be good again on a server whose clock is behind
    """
    past = utc_now() - timedelta(seconds=leeway)
    expired = (
        select(BlacklistedToken.jti)
        .where(BlacklistedToken.expires_at < past)
        .order_by(BlacklistedToken.expires_at)
        .limit(most)
        # On PostgreSQL two logouts must not wait for each other here.
        .with_for_update(skip_locked=True)
    )
    jtis = session.scalars(expired).all()
    if jtis:
        session.execute(delete(BlacklistedToken).where(BlacklistedToken.jti.in_(jtis)))
    return len(jtis)
