"""The engines: one whose transactions write and one that only reads, to SQLite or PostgreSQL."""

from __future__ import annotations

import atexit
import ctypes
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import colander
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from widget_service.database.file import DatabaseFile
from widget_service.database.reading import Reader, ServerReader
from widget_service.database.stale_plans import give_up_connections
from widget_service.fields import Flag, Text, WholeNumber
from widget_service.settings import setting
from widget_service.settings.declarations import SUSPECT
from widget_service.workers import step_aside

# How long PostgreSQL's host has to answer, in seconds. The driver's own patience is two minutes.
CONNECT_TIMEOUT = 5

DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql+psycopg")

# PostgreSQL's SQLSTATE where nobody may write.
READ_ONLY_SQL_TRANSACTION = "25006"

OF_TRANSACTIONS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")
# Between two looks whether another process still writes to SQLite's file, in seconds.
PAUSE = 0.001


class DatabaseSettings(colander.MappingSchema):
    """``database.*``"""

    migrate_at_start = setting(
        Flag(),
        "Apply outstanding migrations at start; otherwise refuse to start.",
        default=False,
    )
    lock_timeout = setting(
        WholeNumber(),
        "How long a write waits for another one before it is answered 503, in milliseconds; on "
        "SQLite for those of its process, and as long again for those of others.",
        colander.Range(1, 600_000),
        default=5000,
    )
    answer_timeout = setting(
        WholeNumber(),
        "How long PostgreSQL may take to answer a statement before the request is answered 503, in "
        "milliseconds; it should be longer than lock_timeout. Migrations take their time.",
        colander.Range(1, 86_400_000),
        default=10_000,
    )


def database_url(node: Any, value: str) -> None:
    """:raises colander.Invalid: it is no URL, or that of a database which does not work here"""
    try:
        parsed = make_url(value)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or "@" in (parsed.host or ""):
        text = "is no URL; in a user's name and a password write @ as %40, : as %3A, / as %2F"
        raise colander.Invalid(node, text)
    if parsed.drivername not in DRIVERS:
        raise colander.Invalid(node, "must begin with sqlite:// or postgresql+psycopg://")
    # Each connection would have a database of its own, so reads would miss what was written.
    if value in ("sqlite://", "sqlite:///") or ":memory:" in value or "mode=memory" in value:
        raise colander.Invalid(node, "an in-memory SQLite database does not work; name a file")


def without_secrets(url: str) -> str:
    """A database URL as people may see it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return "***"
    if "@" in (parsed.host or ""):
        return "***"  # the rest of a password that has an @
    hidden = {key: "***" for key in parsed.query if SUSPECT.search(key)}
    shown = parsed.update_query_dict(hidden) if hidden else parsed
    return shown.render_as_string(hide_password=True).replace("%2A", "*")


class SQLAlchemySettings(colander.MappingSchema):
    """``sqlalchemy.*``: of SQLAlchemy's engine_from_config."""

    url = setting(
        Text(),
        "Where the database is: sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME.",
        database_url,
        default=colander.required,
        secret=without_secrets,
        sample=lambda: "sqlite:///%(here)s/widget_service.sqlite",
    )
    pool_size = setting(
        WholeNumber(),
        "Connections to PostgreSQL that each process keeps for writing; to SQLite it is one.",
        colander.Range(1, 10_000),
        default=5,
    )
    max_overflow = setting(
        WholeNumber(),
        "Connections to PostgreSQL on top of these, under load. For reading a process may have as "
        "many as both together, and keeps them.",
        colander.Range(0, 10_000),
        default=10,
    )
    pool_timeout = setting(
        WholeNumber(),
        "How long a request waits for a connection to PostgreSQL before it is answered 503, in "
        "seconds; on SQLite that is database.lock_timeout.",
        colander.Range(0, 600),
        default=5,
    )
    pool_recycle = setting(
        WholeNumber(),
        "After how many seconds a connection for writing is replaced; -1 for never.",
        colander.Range(-1, 86400),
        default=-1,
    )
    pool_pre_ping = setting(
        Flag(), "Try a connection to PostgreSQL before it is used to write.", default=True
    )
    hide_parameters = setting(Flag(), "Leave the values of statements out of logs.", default=True)
    echo = setting(Flag(), "Log every statement of requests that write.", default=False)
    isolation_level = setting(
        Text(),
        "How PostgreSQL keeps transactions apart; as it is configured itself, by default. "
        "SQLite's are serializable.",
        colander.OneOf(["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]),
        default=None,
    )


class Database:
    """The engines of one application: one whose transactions write, one that only reads."""

    def __init__(self, options: Mapping[str, Any], lock_timeout: int, answer_timeout: int) -> None:
        """
        :param options: the keys of engine_from_config, without a prefix
        :param lock_timeout: how long a statement waits for a lock, in milliseconds
        :param answer_timeout: how long it may take in all, in milliseconds; on PostgreSQL
        """
        self.file = DatabaseFile(options["url"])
        make: Callable[..., Engine] = partial(_sqlite_engine, options, lock_timeout, self.file)
        reader: Callable[[Engine], Reader] = Reader
        if not is_sqlite(options["url"]):
            make = partial(_postgresql_engine, options, lock_timeout, answer_timeout)
            connections = options["pool_size"] + options["max_overflow"]
            reader = partial(
                ServerReader, connections=connections, patience=options["pool_timeout"]
            )
        self.write_engine = make(read_only=False)
        # It waits, for the lock on a file, for the disk or for the server.
        event.listen(self.write_engine, "checkout", lambda *_arguments: step_aside())
        self.read_engine = make(read_only=True)
        self.reader = reader(self.read_engine)
        self.read = self.reader.rows
        # Connections of the process that this one was forked from.
        self._others: Any = None
        DATABASES.add(self)

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
        """Close the connections that nobody uses, where that does no harm."""
        connections = self.reader.leave()
        writers: Any = self.write_engine.pool
        if self.write_engine.dialect.name == "sqlite" and writers.checkedin():
            connections.append(self.write_engine.raw_connection())
        for each in connections:
            if self.file.has_log_of_others():
                # Nor does the interpreter in the end. The system closes files as they are.
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))
            else:
                each.close()
        self.write_engine.dispose()
        self.read_engine.dispose()

    def begin_anew(self) -> None:
        """Leave the connections to the process that this one was forked from.

        What is still referred to is not closed: the database would be told that of the other's.
        """
        self._others = (self.reader.begin_anew(), self.write_engine.pool)
        self.write_engine.dispose(close=False)
        self.file.begin_anew()


DATABASES: weakref.WeakSet[Database] = weakref.WeakSet()


def _begin_anew() -> None:
    for database in DATABASES:
        database.begin_anew()


def close_all() -> None:
    """Close the connections that nobody uses, of all applications of this process."""
    for database in DATABASES:
        database.close()


os.register_at_fork(after_in_child=_begin_anew)
# Where no server does so. The interpreter would close what is left without a look at the log.
atexit.register(close_all)


def is_sqlite(url: str) -> bool:
    """Is it SQLite's? If not, it is PostgreSQL's."""
    return make_url(url).get_backend_name() == "sqlite"


def _sqlite_engine(
    options: Mapping[str, Any], lock_timeout: int, file: DatabaseFile, *, read_only: bool
) -> Engine:
    # A connection to a file is not lost.
    options = {**options, "pool_pre_ping": False, "isolation_level": None}
    # One transaction writes at a time. Threads of this process take turns at one connection: to
    # try again and again in SQLite, with longer and longer pauses, would let some wait for long.
    options |= {"pool_size": 1, "max_overflow": 0, "pool_timeout": lock_timeout / 1000}
    engine = create_engine(**_for_reading(options) if read_only else options)
    event.listen(engine, "do_connect", file.check)

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
        # In KiB, for each connection. More makes neither reading nor writing faster, as the system
        # caches the file.
        connection.execute(f"PRAGMA cache_size = -{96 if read_only else 256}")
        file.opened(connection)

    event.listen(engine, "close", file.closed)
    if not read_only:
        event.listen(engine, "begin", file.check)
        event.listen(engine, "begin", partial(_begin_immediate, lock_timeout=lock_timeout))
        # Once more, as it may have waited; of one listener SQLAlchemy calls only the first.
        event.listen(engine, "begin", lambda *_arguments: file.check())
        event.listen(engine, "reset", _end_transaction)
    return engine


def _begin_immediate(connection: Connection, lock_timeout: int) -> None:
    """Begin a transaction that writes, once no other process does.

    DEFERRED would take the write lock at the first write, after having read: two such transactions
    refuse each other. IMMEDIATE makes the second one wait. SQLite itself would look again after
    longer and longer pauses, and seldom when a process that writes all the time has just ended a
    transaction: the other ones had to wait for seconds.
    """
    driver: Any = connection.connection.driver_connection
    deadline = time.monotonic() + lock_timeout / 1000
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while _others_write(driver) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        if not driver.in_transaction:
            # For the error, as SQLAlchemy puts it.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout = {lock_timeout}")


def _others_write(driver: sqlite3.Connection) -> bool:
    """Does another process write? If not, the transaction has begun, unless something is wrong."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.DatabaseError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False


def _end_transaction(connection: DBAPIConnection, _record: object, _state: object) -> None:
    # After a COMMIT that failed SQLite is still inside the transaction; the next user of the
    # connection would read what was never committed.
    if connection.in_transaction:
        connection.rollback()


def _postgresql_engine(
    options: Mapping[str, Any], lock_timeout: int, answer_timeout: int, *, read_only: bool
) -> Engine:
    url = make_url(options["url"])
    switches = f"-c lock_timeout={lock_timeout} -c statement_timeout={answer_timeout}"
    if read_only:
        switches += " -c default_transaction_read_only=on"
    # The URL may name others, which come last and so count.
    arguments = patience(url) | {"options": f"{switches} {url.query.get('options', '')}"}
    options = {**options, "connect_args": arguments}
    engine = create_engine(**_for_reading(options) if read_only else options)
    if not read_only:
        event.listen(engine, "handle_error", _leave_a_standby)
    # Not above: an installation for SQLite has no driver for PostgreSQL.
    from widget_service.database.postgresql import connector  # noqa: PLC0415

    event.listen(engine, "do_connect", connector(answer_timeout))
    event.listen(engine, "handle_error", give_up_connections)
    return engine


def _leave_a_standby(context: ExceptionContext) -> None:
    """Have a pool make its connections anew (a listener) where nobody may write: the server may be
    a copy by now, and the one that is written to be another, or it may have been for a while.
    """
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY_SQL_TRANSACTION:
        context.is_disconnect = True


def patience(url: URL) -> dict[str, Any]:
    """How long to wait for PostgreSQL's host, as the driver wants to hear it."""
    return {"connect_timeout": url.query.get("connect_timeout", CONNECT_TIMEOUT)}


def _for_reading(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of an engine whose connections Reader keeps: no pool."""
    kept = {key: value for key, value in options.items() if not key.startswith("pool_")}
    kept.pop("max_overflow", None)
    return {**kept, "poolclass": NullPool, "isolation_level": "AUTOCOMMIT"}


def includeme(config: Any) -> None:
    """Make the engines that ``sqlalchemy.*`` and ``database.*`` describe."""
    family = config.declare_settings("sqlalchemy", SQLAlchemySettings())
    values = config.declare_settings("database", DatabaseSettings())
    config.action("database", _connect, args=(config.registry, vars(family), values))


def _connect(registry: Any, options: Mapping[str, Any], values: Any) -> None:
    if options["url"] is None:
        return  # which is a mistake that is known already
    try:
        registry.database = Database(options, values.lock_timeout, values.answer_timeout)
    except Exception as error:  # noqa: BLE001  (drivers raise what they like)
        # Whatever SQLAlchemy or the driver dislikes about the family's values.
        registry.settings_declared.refuse("sqlalchemy.url", f"SQLAlchemy says: {error}")
