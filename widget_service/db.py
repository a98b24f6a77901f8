"""The database: two roads to it, both the core's.

A safe request (GET, HEAD, OPTIONS) reads through :meth:`Request.read`: prebuilt Core statements
on an autocommit connection, no transaction manager. Every other request writes through
:attr:`Request.dbsession`: an ORM session that joins the request's transaction, which pyramid_tm
commits when the view succeeded and rolls back when it answered with an error.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NoReturn

import colander
import pyramid_tm
import zope.sqlalchemy
from pyramid.config import PHASE3_CONFIG
from pyramid.decorator import reify
from pyramid.interfaces import IRequestExtensions, IRequestFactory
from pyramid.request import Request as PyramidRequest
from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Engine,
    Executable,
    MetaData,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator

from widget_service.fields import Flag, Text, WholeNumber
from widget_service.reading import Reader
from widget_service.settings import importable, setting
from widget_service.stale_plans import give_up_connections

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# How long PostgreSQL's host has to answer, in seconds. The driver's own patience is two minutes.
CONNECT_TIMEOUT = 5

OF_TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")


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
            # Text without a zone. In one step, as a list has hundreds of them.
            return lambda text: None if text is None else datetime.fromisoformat(f"{text}+00:00")
        return lambda value: None if value is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """The time, aware, to the second: what rows keep."""
    return datetime.now(UTC).replace(microsecond=0)


class DatabaseSettings(colander.MappingSchema):
    """``database.*``"""

    migrate_at_start = setting(
        Flag(),
        default=False,
        help_text="Apply outstanding migrations at start; otherwise refuse to start.",
    )
    lock_timeout = setting(
        WholeNumber(),
        5000,
        "How long a write waits for another one before it is answered 503, in milliseconds.",
        colander.Range(1, 600_000),
    )


def database_url(node: Any, value: str) -> None:
    """:raises colander.Invalid: SQLAlchemy cannot read the URL, or the database is in memory"""
    try:
        host = make_url(value).host or ""
    except (ArgumentError, ValueError):
        host = "@"
    if "@" in host:
        text = "is no URL; in a user's name and a password write @ as %40, : as %3A, / as %2F"
        raise colander.Invalid(node, text)
    # Each connection would have a database of its own, so reads would miss what was written.
    if value in ("sqlite://", "sqlite:///") or ":memory:" in value or "mode=memory" in value:
        raise colander.Invalid(node, "an in-memory SQLite database does not work; name a file")


def without_password(url: str) -> str:
    """A database URL as people may see it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "***"
    if "@" in (parsed.host or ""):
        return "***"  # the rest of a password that has an @
    hidden = {key: "***" for key in parsed.query if "pass" in key.lower()}
    shown = parsed.update_query_dict(hidden) if hidden else parsed
    return shown.render_as_string(hide_password=True).replace("%2A", "*")


class SQLAlchemySettings(colander.MappingSchema):
    """``sqlalchemy.*``: of SQLAlchemy's engine_from_config."""

    url = setting(
        Text(),
        colander.required,
        "Where the database is: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
        database_url,
        secret=without_password,
        sample=lambda: "sqlite:///%(here)s/widget_service.sqlite",
    )
    pool_size = setting(
        WholeNumber(),
        5,
        "Connections to PostgreSQL for writing that each process keeps, to SQLite it is one; each "
        "thread has one more for reading.",
        colander.Range(1, 10_000),
    )
    max_overflow = setting(
        WholeNumber(),
        10,
        "Connections to PostgreSQL on top of these, under load.",
        colander.Range(0, 10_000),
    )
    pool_timeout = setting(
        WholeNumber(),
        5,
        "How long a request waits for a connection to PostgreSQL before it is answered 503, in "
        "seconds; on SQLite that is database.lock_timeout.",
        colander.Range(0, 600),
    )
    pool_recycle = setting(
        WholeNumber(),
        -1,
        "After how many seconds a connection is replaced; -1 for never.",
        colander.Range(-1, 86400),
    )
    pool_pre_ping = setting(
        Flag(), default=True, help_text="Try a connection to PostgreSQL before it is used to write."
    )
    hide_parameters = setting(
        Flag(), default=True, help_text="Leave the values of statements out of logs."
    )
    echo = setting(Flag(), default=False, help_text="Log every statement of requests that write.")
    isolation_level = setting(
        Text(),
        None,
        "How PostgreSQL keeps transactions apart; as it is configured itself, by default. "
        "SQLite's are serializable.",
        colander.OneOf(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]),
    )


class TransactionSettings(colander.MappingSchema):
    """``tm.*``: the family of pyramid_tm, with the defaults that this service needs."""

    manager_hook = setting(
        Text(),
        "pyramid_tm.explicit_manager",
        "Makes the transaction manager of a request.",
        importable,
    )
    activate_hook = setting(
        Text(), "widget_service.db.is_unsafe", "Says which requests get a transaction.", importable
    )
    commit_veto = setting(
        Text(),
        "pyramid_tm.default_commit_veto",
        "Says which responses roll the transaction back; 4xx and 5xx by default.",
        importable,
    )
    annotate_user = setting(
        Flag(),
        default=False,
        help_text="Look up the user on every request to label transactions: costly.",
    )


class Database:
    """The engines of one application: one whose transactions write, one that only reads."""

    def __init__(self, options: Mapping[str, Any], lock_timeout: int) -> None:
        """
        :param options: the keys of engine_from_config, without a prefix
        :param lock_timeout: how long a statement waits for a lock, in milliseconds
        """
        make = _sqlite_engine if is_sqlite(options["url"]) else _postgresql_engine
        self.write_engine = make(options, lock_timeout, read_only=False)
        self.read_engine = make(options, lock_timeout, read_only=True)
        self.reader = Reader(self.read_engine)
        self.read = self.reader.rows

    def observe(self, note: Callable[[str], None]) -> Callable[[], None]:
        """Call ``note`` with each statement that is sent, those of transactions left out.

        :returns: what ends that
        """

        def sent(*event_arguments: Any) -> None:
            text = event_arguments[2]
            if not text.startswith(OF_TRANSACTIONS):
                note(text)

        event.listen(self.write_engine, "before_cursor_execute", sent)
        self.reader.observers.append(note)

        def end() -> None:
            event.remove(self.write_engine, "before_cursor_execute", sent)
            self.reader.observers.remove(note)

        return end

    def close(self) -> None:
        """Give every connection back to the database."""
        self.reader.close()
        self.write_engine.dispose()
        self.read_engine.dispose()


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
            raise RuntimeError(f"a {self.method} request has no transaction: use request.read")
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


def is_unsafe(request: PyramidRequest) -> bool:
    """Does the request get a transaction? (pyramid_tm's activate hook; RFC 9110, 9.2.1)"""
    return request.method not in SAFE_METHODS


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


def is_sqlite(url: str) -> bool:
    """Is it SQLite's? If not, it is PostgreSQL's."""
    return make_url(url).get_backend_name() == "sqlite"


def _sqlite_engine(options: Mapping[str, Any], lock_timeout: int, *, read_only: bool) -> Engine:
    # A connection to a file is not lost.
    options = {**options, "pool_pre_ping": False, "isolation_level": None}
    # One transaction writes at a time. Threads of this process take turns at one connection: to
    # try again and again in SQLite, with longer and longer pauses, would let some wait for long.
    options |= {"pool_size": 1, "max_overflow": 0, "pool_timeout": lock_timeout / 1000}
    engine = create_engine(**_for_reading(options) if read_only else options)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not begin transactions of its own: it begins too late, and DEFERRED.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {lock_timeout}")
        # The file keeps it. While somebody writes a file that is not in that mode yet, it cannot be
        # set, and SQLite does not wait: another connection will.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
        # Some builds of SQLite ask for less with WAL: a power failure would then undo commits.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        # Rows that INSERT OR REPLACE deletes are deleted: triggers on that count rows.
        connection.execute("PRAGMA recursive_triggers = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")

    if not read_only:
        event.listen(engine, "begin", _begin_immediate)
        event.listen(engine, "reset", _end_transaction)
    return engine


def _begin_immediate(connection: Connection) -> None:
    # DEFERRED would take the write lock at the first write, after having read: two such
    # transactions refuse each other. IMMEDIATE makes the second one wait.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _end_transaction(connection: DBAPIConnection, _record: object, _state: object) -> None:
    # After a COMMIT that failed SQLite is still inside the transaction; the next user of the
    # connection would read what was never committed.
    if connection.in_transaction:
        connection.rollback()


def _postgresql_engine(options: Mapping[str, Any], lock_timeout: int, *, read_only: bool) -> Engine:
    url = make_url(options["url"])
    switches = f"-c lock_timeout={lock_timeout}"
    if read_only:
        switches += " -c default_transaction_read_only=on"
    # The URL may name others, which come last and so count.
    arguments = patience(url) | {"options": f"{switches} {url.query.get('options', '')}"}
    options = {**options, "connect_args": arguments}
    engine = create_engine(**_for_reading(options) if read_only else options)
    event.listen(engine, "handle_error", give_up_connections)
    return engine


def patience(url: URL) -> dict[str, Any]:
    """How long to wait for PostgreSQL's host, as the driver wants to hear it."""
    return {"connect_timeout": url.query.get("connect_timeout", CONNECT_TIMEOUT)}


def _for_reading(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an engine whose connections Reader keeps, one for each thread: no pool."""
    kept = {key: value for key, value in options.items() if not key.startswith("pool_")}
    kept.pop("max_overflow", None)
    return {**kept, "poolclass": NullPool, "isolation_level": "AUTOCOMMIT"}


def includeme(config: Any) -> None:
    """Engines from ``sqlalchemy.*``, a transaction for each unsafe request, Request."""
    family = config.declare_settings("sqlalchemy", SQLAlchemySettings())
    values = config.declare_settings("database", DatabaseSettings())
    manager = config.declare_settings("tm", TransactionSettings())
    for key, value in vars(manager).items():
        config.registry.settings[f"tm.{key}"] = value
    config.set_request_factory(Request)
    config.include(pyramid_tm)
    # After whatever adds to requests.
    config.action("request", _make_class, args=(config.registry,), order=PHASE3_CONFIG + 1)
    config.action("database", _connect, args=(config.registry, vars(family), values.lock_timeout))


def _make_class(registry: Any) -> None:
    """Make what add-ons add to requests a class, which Pyramid would do for each request."""
    factory = registry.getUtility(IRequestFactory)
    extensions = registry.getUtility(IRequestExtensions)
    added = {**extensions.methods, **extensions.descriptors}
    registry.registerUtility(type(factory.__name__, (factory,), added), IRequestFactory)
    extensions.methods.clear()
    extensions.descriptors.clear()


def _connect(registry: Any, options: Mapping[str, Any], lock_timeout: int) -> None:
    if options["url"] is None:
        return  # which is a mistake that is known already
    try:
        registry.database = Database(options, lock_timeout)
    except Exception as error:  # noqa: BLE001  (drivers raise what they like)
        # Whatever SQLAlchemy or the driver dislikes about the family's values.
        registry.settings_declared.refuse("sqlalchemy.url", f"SQLAlchemy says: {error}")
