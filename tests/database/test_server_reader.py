"""Reads from PostgreSQL: on no more connections than there may be."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from processes import PATIENCE
from sqlalchemy import create_engine, event, func, literal, select, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from turns import wait_until

from widget_service.testing import Client, application, ini_text

ONE = select(literal(1))
LOCK = select(func.pg_advisory_lock(1))
UNLOCK = select(func.pg_advisory_unlock(1))
WAITING = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@pytest.fixture
def start(own_postgresql, tmp_path):
    """A function that makes a client of an application with one connection for reading."""
    made = []

    def client(patience):
        settings = {"sqlalchemy.pool_size": "1", "sqlalchemy.max_overflow": "0"}
        settings["sqlalchemy.pool_timeout"] = str(patience)
        made.append(Client(application(ini_text(own_postgresql, settings=settings), tmp_path)))
        return made[-1]

    yield client
    for each in made:
        each.registry.database.close()


@contextmanager
def reading(client):
    """While somebody reads."""
    database = client.registry.database
    engine = create_engine(database.write_engine.url, isolation_level="AUTOCOMMIT")
    with ThreadPoolExecutor() as threads, engine.connect() as other:
        other.execute(LOCK)
        held = threads.submit(database.read, LOCK)
        wait_until(lambda: other.scalar(WAITING))
        try:
            yield
        finally:
            other.execute(UNLOCK)
        held.result(PATIENCE)
    engine.dispose()


def test_it_answers_503_when_none_is_free_in_time(start):
    client = start(patience=0)
    user = client.sign_up("user@example.com")
    with reading(client):
        with pytest.raises(PoolTimeoutError, match="1 connections were all busy for 0 seconds"):
            client.registry.database.read(ONE)
        refused = user.get("/api/v1/auth/user", status=503)
    assert refused.headers["Retry-After"]
    assert user.get("/api/v1/auth/user").json["email"] == "user@example.com"


def test_it_waits_for_one_that_is_free(start):
    client = start(patience=PATIENCE)
    database = client.registry.database
    opened = []
    event.listen(database.read_engine, "connect", lambda *_arguments: opened.append(1))
    with ThreadPoolExecutor() as threads:
        with reading(client):
            others = [threads.submit(database.read, ONE) for _ in range(4)]
            assert not any(each.done() for each in others)
        assert [[*each.result(PATIENCE)[0]] for each in others] == [[1]] * 4
    assert opened == [1]


def test_it_is_free_where_a_statement_failed(start):
    database = start(patience=0).registry.database
    for _ in range(2):
        with pytest.raises(Exception, match="division by zero"):
            database.read(select(literal(1) / literal(0)))
    assert [*database.read(ONE)[0]] == [1]


def test_a_process_that_was_forked_does_not_wait_for_the_others_threads(start):
    client = start(patience=0)
    with reading(client):
        client.registry.database.begin_anew()
        assert [*client.registry.database.read(ONE)[0]] == [1]
