"""The database: two roads to it, both the core's.

A safe request (GET, HEAD, OPTIONS) reads through :meth:`Request.read`: prebuilt Core statements
on an autocommit connection, no transaction manager. Every other request writes through
:attr:`Request.dbsession`: an ORM session that joins the request's transaction, which pyramid_tm
commits when the view succeeded and rolls back when it answered with an error.
"""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, NoReturn

import colander
import pyramid_tm
import zope.sqlalchemy
from pyramid.config import PHASE3_CONFIG
from pyramid.decorator import reify
from pyramid.interfaces import IRequestExtensions, IRequestFactory
from pyramid.request import Request as PyramidRequest
from sqlalchemy import DateTime, Executable, MetaData, Row
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from widget_service.fields import Flag, Text
from widget_service.settings import importable, setting
from widget_service.workers import step_aside

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Runs a statement with parameters and answers its rows: Request.rows, or Request.read.
Rows = Callable[[Any, Mapping[str, Any]], Sequence[Row[Any]]]

# The length of a moment as SQLAlchemy writes it to SQLite, without a zone.
AS_WRITTEN = len("2026-11-24 09:30:00.000000")


class Base(DeclarativeBase):
    """The base of every model; constraints get names, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime; stored in UTC, and it comes back in UTC, on either database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """:raises TypeError: the datetime has no time zone"""
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, _coltype: object) -> Any:
        """What makes UTC of the driver's values: PostgreSQL's are in the session's zone."""
        if dialect.name == "sqlite":
            return _from_text
        return lambda value: None if value is None else value.astimezone(UTC)


def _from_text(text: str | None) -> datetime | None:
    if text is None:
        return None
    if len(text) == AS_WRITTEN:
        # In one step, as a list has hundreds of them.
        return datetime.fromisoformat(f"{text}+00:00")
    # Somebody else has written it.
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def utc_now() -> datetime:
    """The time, aware, to the second: what rows keep."""
    return datetime.fromtimestamp(int(time.time()), UTC)


class TransactionSettings(colander.MappingSchema):
    """``tm.*``: the family of pyramid_tm, with the defaults that this service needs."""

    manager_hook = setting(
        Text(),
        "Makes the transaction manager of a request.",
        importable,
        default="pyramid_tm.explicit_manager",
    )
    activate_hook = setting(
        Text(),
        "Says which requests get a transaction.",
        importable,
        default="widget_service.db.is_unsafe",
    )
    commit_veto = setting(
        Text(),
        "Says which responses roll the transaction back; 4xx and 5xx by default.",
        importable,
        default="pyramid_tm.default_commit_veto",
    )
    annotate_user = setting(
        Flag(),
        "Look up the user on every request to label transactions: costly.",
        default=False,
    )


class Request(PyramidRequest):
    """Pyramid's request with the two roads to the database."""

    # The size of a body is checked before it is read. WebOb would put one above 10 KiB in a
    # temporary file, which nobody closes.
    request_body_tempfile_limit = sys.maxsize

    @reify
    def dbsession(self) -> Session:
        """The session of a request that writes; pyramid_tm commits or rolls back.

        :raises RuntimeError: the request is a safe one, which has no transaction
        """
        if not self.environ.get("tm.active"):
            text = f"a {self.method} request writes nothing: it reads with request.rows"
            raise RuntimeError(text)
        # The engine does so when it has a connection. It may take long to get one.
        step_aside()
        session = RequestSession(self.registry)
        # Now, and as one that writes: the events by which zope.sqlalchemy would find out by itself
        # are dear to listen to for each request, and there are none of Core statements.
        zope.sqlalchemy.mark_changed(session, self.tm)
        # Whatever becomes of the transaction: to keep the connection would keep everybody else from
        # writing to SQLite.
        self.add_finished_callback(lambda _request: session.close())
        return session

    def read(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        """The rows of a statement that only reads, outside of any transaction."""
        return self.registry.database.read(statement, parameters)  # type: ignore[no-any-return]

    def rows(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        """The rows of a statement, inside the request's transaction where it has one."""
        if is_unsafe(self):
            session = self.dbsession
            # What a session's own execution would do first; its rest is for objects, and slow.
            session.flush()
            return session.connection().execute(statement, parameters).fetchall()  # type: ignore[no-any-return]
        return self.read(statement, parameters)


def first(rows: Sequence[Row[Any]]) -> Row[Any] | None:
    """The first one of some rows; None where there are none."""
    return rows[0] if rows else None


def new_session(registry: Any) -> Session:
    """A session that writes; its ``info`` leads what happens in it to the application."""
    return Session(registry.database.write_engine, info={"registry": registry})


class RequestSession(Session):
    """The session of a request: who commits is the transaction manager, once, and that ends it."""

    def __init__(self, registry: Any) -> None:
        # Closed, it cannot begin anew: in a response callback nobody would commit any more.
        super().__init__(
            registry.database.write_engine, info={"registry": registry}, close_resets_only=False
        )

    def commit(self) -> NoReturn:
        """:raises RuntimeError: an error after it could not be rolled back"""
        raise RuntimeError("the transaction of a request is committed when its view has returned")

    def rollback(self) -> NoReturn:
        """:raises RuntimeError: what is done after it would not be the request's any more"""
        raise RuntimeError("a request is rolled back by an error; a part of it by begin_nested()")


def insert_new(session: Session, model: type[DeclarativeBase], values: Mapping[str, Any]) -> bool:
    """Insert a row; False where another one has something unique of it, perhaps since a moment ago.

    The transaction goes on either way. An insert that fails would need a savepoint around it, which
    takes a sixth of a request. It makes no object: what a class adds to its table, such as
    ``@validates`` and inheritance, takes no part.

    :param values: by the names of the model's attributes; no expressions
    :raises AttributeError: the model has none of that name
    :raises sqlalchemy.exc.IntegrityError: the row breaks another rule; the transaction is over
    """
    session.flush()
    connection = session.connection()
    statement = insert_unless_taken(model.__table__, connection.dialect.name)
    # SQLAlchemy would leave out what it does not know.
    row = {getattr(model, name).property.columns[0].key: each for name, each in values.items()}
    return connection.execute(statement, row).rowcount == 1


@functools.cache
def insert_unless_taken(table: Any, dialect: str) -> Any:
    """A statement that inserts into a table what can be there beside the other rows.

    Each database has its own; the other one's module would take its time to load.
    """
    insert = import_module(f"sqlalchemy.dialects.{dialect}").insert
    statement = insert(table).on_conflict_do_nothing().inline()
    return statement.execution_options(preserve_rowcount=True)


def is_unsafe(request: PyramidRequest) -> bool:
    """Does the request get a transaction? (pyramid_tm's activate hook; RFC 9110, 9.2.1)"""
    return request.environ["REQUEST_METHOD"] not in SAFE_METHODS


def pshell_setup(env: dict[str, Any]) -> Iterator[None]:
    """What ``pshell`` offers: ``dbsession``, in a transaction that leaving the shell rolls back.

    Without it pshell would begin the request's transaction twice: the manager is explicit.
    """
    request = env["request"]
    request.environ["tm.active"] = True
    request.tm.begin()
    env["dbsession"] = request.dbsession
    yield
    request.tm.abort()
    request.registry.database.close()


def includeme(config: Any) -> None:
    """A transaction for each unsafe request, and Request."""
    manager = config.declare_settings("tm", TransactionSettings())
    for key, value in vars(manager).items():
        config.registry.settings[f"tm.{key}"] = value
    config.set_request_factory(Request)
    config.include(pyramid_tm)
    # After whatever adds to requests.
    config.action("request", _make_class, args=(config.registry,), order=PHASE3_CONFIG + 1)


def _make_class(registry: Any) -> None:
    """Make what add-ons add to requests a class, which Pyramid would do for each request.

    So a request for ``request.invoke_subrequest`` is made by ``type(request).blank``: Pyramid adds
    nothing any more to one of its own class, and no view could answer it.
    """
    factory = registry.getUtility(IRequestFactory)
    extensions = registry.getUtility(IRequestExtensions)
    added = {**extensions.methods, **extensions.descriptors}
    registry.registerUtility(type(factory.__name__, (factory,), added), IRequestFactory)
    extensions.methods.clear()
    extensions.descriptors.clear()
