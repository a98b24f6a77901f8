"""The tables in SQLAlchemy's ORM, on the engine that SQLAlchemy makes by itself; for FastAPI."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import DateTime, ForeignKey, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from rules import PRAGMAS, database

engine = create_engine(database())

if engine.dialect.name == "sqlite":

    @event.listens_for(engine, "connect")
    def configure(connection, _record):
        """What is durable and checked for one server is so for all."""
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")


class Base(DeclarativeBase):
    """The base of the models."""


class User(Base):
    """Somebody with an account."""

    __tablename__ = "site_user"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(36), unique=True)
    email: Mapped[str] = mapped_column(String(255))
    email_key: Mapped[str] = mapped_column(String(768), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    registered_on: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    admin: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)


class BlacklistedToken(Base):
    """A token that was logged out."""

    __tablename__ = "token_blacklist"

    jti: Mapped[str] = mapped_column(String(36), primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    blacklisted_on: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Widget(Base):
    """A widget and its owner."""

    __tablename__ = "widget"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    info_url: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    deadline: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    version: Mapped[int] = mapped_column(default=1)
    owner_id: Mapped[int] = mapped_column(ForeignKey("site_user.id"), index=True)

    owner: Mapped[User] = relationship()


def get_session() -> Iterator[Session]:
    """A session for one request."""
    with Session(engine) as session:
        yield session
