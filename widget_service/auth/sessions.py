"""Sessions: the tokens that users have, and the end of them. Over a session and plain values.

A token is on record before its user gets it, so that logging out everywhere misses none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Row,
    String,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

from widget_service.auth.models import (
    ADDRESS_LENGTH,
    USER_AGENT_LENGTH,
    BlacklistedToken,
    IssuedToken,
    User,
)
from widget_service.auth.tokens import Claims
from widget_service.db import (
    Base,
    Rows,
    UtcDateTime,
    insert_new,
    insert_unless_taken,
    utc_now,
)

# A list of sessions is for people: whoever has more logs in by a program.
SHOWN = 100

_COLUMNS = ("jti", "user_id", "issued_at", "expires_at", "address", "user_agent")

# Shared: it waits for whoever changes the account, looks again after that, and two logins do not
# wait for each other. On SQLite writers take turns anyway.
# The table, not the class: to the ORM the parameters would be rows for a bulk insert.
_RECORD = (
    insert(Base.metadata.tables[IssuedToken.__tablename__])
    .from_select(
        _COLUMNS,
        select(
            bindparam("jti", type_=String),
            User.id,
            bindparam("issued_at", type_=UtcDateTime),
            bindparam("expires_at", type_=UtcDateTime),
            bindparam("address", type_=String),
            bindparam("user_agent", type_=String),
        )
        .where(
            User.public_id == bindparam("sub"),
            User.password_version == bindparam("version"),
            User.disabled.is_(False),
        )
        .with_for_update(read=True),
    )
    .execution_options(preserve_rowcount=True)
)

_REVOKED = exists().where(BlacklistedToken.jti == IssuedToken.jti)

_LIVE = (
    select(
        IssuedToken.jti,
        IssuedToken.issued_at,
        IssuedToken.expires_at,
        IssuedToken.address,
        IssuedToken.user_agent,
        func.count().over().label("total"),
    )
    .where(
        IssuedToken.user_id == bindparam("user_id"),
        IssuedToken.expires_at > bindparam("now", type_=UtcDateTime),
        ~_REVOKED,
    )
    .order_by(
        (IssuedToken.jti == bindparam("current")).desc(),
        IssuedToken.issued_at.desc(),
        IssuedToken.jti,
    )
    .limit(SHOWN)
)


class Origin(NamedTuple):
    """Where a request is from, as far as it says."""

    address: str
    user_agent: str


def record(session: Session, claims: Claims, origin: Origin, *, version: int) -> bool:
    """Keep that a token was issued.

    :param version: the ``password_version`` of the password that was verified
    :returns: False where that one is no longer the password, or the account is disabled or gone:
        the token must not be handed out
    """
    row = {
        "jti": claims.jti,
        "sub": claims.sub,
        "version": version,
        "issued_at": datetime.fromtimestamp(claims.iat, UTC),
        "expires_at": datetime.fromtimestamp(claims.exp, UTC),
        "address": _storable(origin.address, ADDRESS_LENGTH),
        "user_agent": _storable(origin.user_agent, USER_AGENT_LENGTH),
    }
    return session.execute(_RECORD, row).rowcount == 1  # type: ignore[attr-defined,no-any-return]


def _storable(text: str, length: int) -> str:
    """What a client says of itself, without what no database takes, and not too much of it."""
    return "".join(each if each.isprintable() else "?" for each in text[:length])


def live(rows: Rows, user_id: int, current: str) -> Sequence[Row[Any]]:
    """A user's tokens that count now: the ``current`` one first, then the newest, SHOWN at most.

    Each row has in ``total`` how many there are.
    """
    return rows(_LIVE, {"user_id": user_id, "now": utc_now(), "current": current})


def log_out(session: Session, jti: str, expires_at: int, *, purge: int, leeway: int) -> bool:
    """Blacklist a token until it expires, and remove some rows that have.

    :param expires_at: Unix seconds
    :param purge: how many rows at the most
    :param leeway: as for :func:`purge_expired`
    :returns: False where the token is blacklisted already
    """
    row = {
        "jti": jti,
        "expires_at": datetime.fromtimestamp(expires_at, UTC),
        "blacklisted_on": utc_now(),
    }
    if not insert_new(session, BlacklistedToken, row):
        return False
    purge_expired(session, BlacklistedToken, purge, leeway)
    return True


def log_out_others(session: Session, user_id: int, current: str) -> None:
    """Blacklist every token of a user but the ``current`` one.

    The account should be locked: two of a user's tokens that do this at once would end both.
    """
    _blacklist(session, IssuedToken.user_id == user_id, IssuedToken.jti != current)


def log_out_everywhere(session: Session, user_id: int) -> None:
    """Blacklist every token of a user.

    The account should be locked: somebody who logs in meanwhile would stay logged in.
    """
    _blacklist(session, IssuedToken.user_id == user_id)


def _blacklist(session: Session, *which: ColumnElement[bool]) -> None:
    """One statement, however many there are."""
    tokens = (
        select(IssuedToken.jti, IssuedToken.expires_at, literal(utc_now(), UtcDateTime))
        .where(*which, ~_REVOKED)
        # In one order, lest two that insert the same rows wait for each other.
        .order_by(IssuedToken.jti)
    )
    columns = ("jti", "expires_at", "blacklisted_on")
    insertion = insert_unless_taken(BlacklistedToken.__table__, session.get_bind().dialect.name)
    session.execute(insertion.from_select(columns, tokens))


def purge_expired(
    session: Session, table: type[BlacklistedToken | IssuedToken], most: int, leeway: int
) -> int:
    """Remove rows of tokens that have expired, ``most`` at the most; how many there were.

    :param leeway: how far servers' clocks differ, in seconds; a row lives that much longer than
        its token, which otherwise would be good again on a server whose clock is behind
    """
    past = utc_now() - timedelta(seconds=leeway)
    expired = (
        select(table.jti)
        .where(table.expires_at < past)
        .order_by(table.expires_at)
        .limit(most)
        # On PostgreSQL two of these must not wait for each other here.
        .with_for_update(skip_locked=True)
    )
    jtis = session.scalars(expired).all()
    if jtis:
        session.execute(delete(table).where(table.jti.in_(jtis)))
    return len(jtis)
