"""How the databases are connected to, which are refused, and what of their URLs is shown."""

import sqlite3
import sys
from contextlib import closing

import pytest
from core import core_ini, serving
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from widget_service.database import engines
from widget_service.database.engines import CONNECT_TIMEOUT, patience, without_secrets
from widget_service.testing import application, new_database


def test_it_lets_writers_of_one_process_take_turns_at_sqlite(tmp_path):
    # Not in SQLite, whose pauses between attempts get longer: a connection is what they wait for.
    with serving(tmp_path, "plugins.notes", database__lock_timeout="1") as testapp:
        engine = testapp.app.registry.database.write_engine
        with engine.begin(), pytest.raises(PoolTimeoutError):
            engine.connect()


def test_it_looks_again_soon_whether_another_process_still_writes_to_sqlite(tmp_path, monkeypatch):
    with serving(tmp_path, database__lock_timeout="60000") as testapp:
        engine = testapp.app.registry.database.write_engine
        with closing(sqlite3.connect(engine.url.database, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            pauses = []

            def ends_in_the_third(seconds):
                pauses.append(seconds)
                if len(pauses) == 3:
                    other.rollback()

            monkeypatch.setattr(engines.time, "sleep", ends_in_the_third)
            with engine.begin():
                assert pauses == [engines.PAUSE] * 3
                with pytest.raises(sqlite3.OperationalError, match="locked"):
                    other.execute("BEGIN IMMEDIATE")


def test_it_says_what_is_wrong_with_sqlite_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(engines.time, "sleep", raising)
    with serving(tmp_path) as testapp:
        engine = testapp.app.registry.database.write_engine
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            driver.set_authorizer(
                lambda action, *_what: (
                    sqlite3.SQLITE_DENY
                    if action == sqlite3.SQLITE_TRANSACTION
                    else sqlite3.SQLITE_OK
                )
            )
            with pytest.raises(DatabaseError, match="not authorized"):
                connection.begin()
            driver.set_authorizer(None)


def raising(_seconds):
    raise AssertionError("it waits")


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        # FULL: what was answered 200 survives a power failure.
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", 5000),
    ],
)
def test_it_prepares_connections_to_sqlite(tmp_path, pragma, value):
    with serving(tmp_path) as testapp:
        database = testapp.app.registry.database
        for engine in (database.read_engine, database.write_engine):
            with engine.connect() as connection:
                assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_it_prepares_connections_to_postgresql(request, tmp_path):
    with new_database("postgresql", request, tmp_path) as url:
        # What the operator says in the URL is not lost.
        settings = {"sqlalchemy__url": f"{url}&options=-c statement_timeout=7s"}
        with serving(tmp_path, **settings) as testapp:
            database = testapp.app.registry.database
            for engine, read_only in ((database.read_engine, "on"), (database.write_engine, "off")):
                with engine.connect() as connection:
                    show = connection.exec_driver_sql
                    assert show("SHOW lock_timeout").scalar() == "5s"
                    assert show("SHOW statement_timeout").scalar() == "7s"
                    assert connection.connection.dbapi_connection.patience == 11
                    assert show("SHOW default_transaction_read_only").scalar() == read_only


@pytest.mark.parametrize(("query", "seconds"), [("", CONNECT_TIMEOUT), ("?connect_timeout=2", "2")])
def test_it_does_not_wait_long_for_a_host_that_does_not_answer(query, seconds):
    url = make_url(f"postgresql+psycopg://a@example.com/b{query}")
    assert patience(url) == {"connect_timeout": seconds}


CONNECTIONS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")


def test_it_holds_no_connection_when_it_has_started(request, tmp_path):
    # A server that forks now would give one connection to two processes.
    with new_database("postgresql", request, tmp_path) as url:
        engine = create_engine(url, poolclass=NullPool)
        with serving(tmp_path, "plugins.notes", sqlalchemy__url=url) as testapp:
            with engine.connect() as connection:
                assert connection.execute(CONNECTIONS).scalar() == 1
            assert testapp.get("/api/v1/notes").json["notes"] == 0
            with engine.connect() as connection:
                assert connection.execute(CONNECTIONS).scalar() == 2


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true"]
)
def test_it_refuses_a_database_in_memory(tmp_path, url):
    refused(tmp_path, url, "SQLite database does not work")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "is no URL"),
        ("junk", "is no URL"),
        ("nosuch://a/b", "must begin with"),
        ("sqlite:////nowhere/at/all.sqlite", "cannot be used: there is no /nowhere/at/all"),
        ("postgresql+psycopg://joe:secret@localhost:1/b", "cannot be used: connection failed"),
    ],
)
def test_it_refuses_a_database_that_it_cannot_use(tmp_path, url, reason):
    assert "secret" not in refused(tmp_path, url, reason)


def test_it_refuses_a_database_whose_driver_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    refused(tmp_path, "postgresql+psycopg://a/b", "SQLAlchemy says: import of psycopg halted")


def refused(directory, url, reason):
    with pytest.raises(SystemExit, match=reason) as refusal:
        application(core_ini(directory, sqlalchemy__url=url), directory)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////a/b.sqlite", "sqlite:////a/b.sqlite"),
        ("postgresql+psycopg://joe:secret@h/b", "postgresql+psycopg://joe:***@h/b"),
        ("postgresql+psycopg:///b?password=secret", "postgresql+psycopg:///b?password=***"),
        (
            "postgresql+psycopg://h/b?sslpassword=secret&oauth_client_secret=secret",
            "postgresql+psycopg://h/b?oauth_client_secret=***&sslpassword=***",
        ),
        (
            "postgresql+psycopg://h/b?accessToken=secret&sslkey=%2Fsecret&scram_client_key=secret",
            "postgresql+psycopg://h/b?accessToken=***&scram_client_key=***&sslkey=***",
        ),
        (
            "postgresql+psycopg://h/b?keepalives=1&sslmode=require",
            "postgresql+psycopg://h/b?keepalives=1&sslmode=require",
        ),
        ("redis://h/0?client_secret=secret", "redis://h/0?client_secret=***"),
        ("postgresql+psycopg://joe:sec@ret@h/b", "***"),
        ("secret", "***"),
    ],
)
def test_it_shows_urls_without_their_secrets(url, shown):
    assert without_secrets(url) == shown


def test_it_refuses_to_start_without_a_database(tmp_path):
    ini = core_ini(tmp_path).replace("sqlalchemy.url", "#")
    with pytest.raises(SystemExit, match="1 problem") as refusal:
        application(ini, tmp_path)
    assert "sqlalchemy.url" in str(refusal.value)
