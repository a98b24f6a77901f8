"""The tables of accounts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from widget_service.db import Base, UtcDateTime

HASH_LENGTH = 255
ADDRESS_LENGTH = 64
USER_AGENT_LENGTH = 255


class User(Base):
    """Somebody who registered.

    ``email`` is as it was typed; ``email_key`` is what makes it unique without regard to case.
    The outside world knows a user by ``public_id`` only.
    """

    __tablename__ = "site_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(36), unique=True)
    email: Mapped[str] = mapped_column(String(255))
    # Three times as long: folding the case makes three characters of some.
    email_key: Mapped[str] = mapped_column(String(768), unique=True)
    password_hash: Mapped[str] = mapped_column(String(HASH_LENGTH))
    registered_on: Mapped[datetime] = mapped_column(UtcDateTime)
    admin: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    # How often the password was changed: whoever verified an older one finds out by it.
    password_version: Mapped[int] = mapped_column(default=0)

    # An id is never used again: what a plugin keeps by it of an account that was deleted must not
    # be the next one's.
    __table_args__ = ({"sqlite_autoincrement": True},)


class IssuedToken(Base):
    """A token that a user got, from where and for how long: its ``jti``, never the token."""

    __tablename__ = "issued_token"

    jti: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("site_user.id"), index=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    address: Mapped[str] = mapped_column(String(ADDRESS_LENGTH))
    user_agent: Mapped[str] = mapped_column(String(USER_AGENT_LENGTH))


class BlacklistedToken(Base):
    """A token that was logged out: its ``jti``, never the token. Useless once it has expired."""

    __tablename__ = "token_blacklist"

    jti: Mapped[str] = mapped_column(String(36), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    blacklisted_on: Mapped[datetime] = mapped_column(UtcDateTime)
