"""The short road of reads: what it answers is what SQLAlchemy's own road answers."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import (
    Float,
    Integer,
    Numeric,
    String,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    literal,
    select,
    text,
    union,
)
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import NullPool
from turns import others_go_on

from widget_service.auth.models import BlacklistedToken, User
from widget_service.database.reading import Reader
from widget_service.db import utc_now

NOBODY = select(User.id).where(User.id == -1)


@pytest.fixture
def registry(client):
    client.sign_up("somebody@example.com")
    client.sign_up("somebody.else@example.com")
    return client.registry


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        (select(User.id, User.email, User.registered_on, User.admin).order_by(User.id), {}),
        (select(User.email).where(User.email == bindparam("email")), {"email": "x' OR 1=1 --"}),
        (select(User.email).order_by(User.id).limit(bindparam("size")), {"size": 1}),
        (select(User.id).where(User.registered_on <= bindparam("now")), {"now": utc_now()}),
        (select(User.email).where(User.id.in_(bindparam("ids", expanding=True))), {"ids": [1, 2]}),
        (select(User.email).where(User.admin.in_([False])), {}),
        (select(func.count()).select_from(User), None),
        (select(literal("50 % of it", String).label("share")), {}),
        (select(cast(literal("1.50"), Numeric(10, 2)), cast(literal("0.5"), Float)), {}),
        (union(select(User.id), select(literal(7, Integer))).order_by("id"), {}),
        (text("SELECT count(*) AS n FROM site_user WHERE admin = :admin"), {"admin": False}),
        (NOBODY, {}),
    ],
)
def test_it_answers_what_sqlalchemy_answers(registry, statement, parameters):
    with registry.database.read_engine.connect() as connection:
        expected = connection.execute(statement, parameters or {}).fetchall()
    for _ in range(2):
        rows = registry.database.read(statement, parameters)
        assert [tuple(row) for row in rows] == [tuple(row) for row in expected]


def test_others_go_on_where_it_waits_for_a_server(registry):
    waits = registry.database.read_engine.dialect.name != "sqlite"
    assert others_go_on(lambda: registry.database.read(NOBODY)) is waits


def test_others_go_on_while_somebody_writes(registry):
    def write():
        with registry.database.write_engine.begin():
            pass

    assert others_go_on(write)


def test_its_rows_have_names_and_types(registry):
    statement = select(User.registered_on, User.admin, User.email.label("mail"), User.id, User.id)
    row = registry.database.read(statement.order_by(User.id))[0]
    assert row.registered_on.tzinfo is UTC
    assert (row.admin, row.mail, row[4]) == (False, "somebody@example.com", row.id)


def test_it_leaves_whole_objects_to_sqlalchemy(registry):
    row = registry.database.read(select(User).order_by(User.id))[0]
    assert row.email == "somebody@example.com"


def test_it_asks_anew_for_values_that_change(registry):
    values = iter(["first", "second"])
    statement = select(literal(None), bindparam("value", callable_=lambda: next(values)))
    assert [registry.database.read(statement)[0][1] for _ in range(2)] == ["first", "second"]


def test_it_wants_every_parameter(registry):
    statement = select(User.id).where(User.id == bindparam("id"))
    with pytest.raises((KeyError, DBAPIError)):
        registry.database.read(statement, {})


def test_it_raises_what_sqlalchemy_raises(registry):
    missing = select(text("nothing")).select_from(User).add_columns(User.id)
    with pytest.raises(DBAPIError):
        registry.database.read(missing)
    # The connection is as good as before.
    assert registry.database.read(NOBODY) == []


def test_it_refuses_a_time_without_a_zone(registry):
    statement = select(User.id).where(User.registered_on < bindparam("then"))
    with pytest.raises(TypeError, match="no time zone"):
        registry.database.read(statement, {"then": datetime(2026, 1, 1)})  # noqa: DTZ001  (the point)


def test_it_tells_observers_each_statement(registry):
    seen = []
    registry.database.reader.observers.append(seen.append)
    try:
        registry.database.read(NOBODY)
        registry.database.read(select(BlacklistedToken))
    finally:
        registry.database.reader.observers.clear()
    assert [line.split()[0] for line in seen] == ["SELECT", "SELECT"]
    assert "site_user" in seen[0]


@contextmanager
def reading(url):
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    reader = Reader(engine)
    try:
        yield reader
    finally:
        close(reader)


def close(reader):
    for connection in reader.leave():
        connection.close()


@pytest.fixture
def connections(registry):
    """A reader, and the connections that it has made so far."""
    made = []
    with reading(registry.database.write_engine.url) as reader:
        event.listen(reader._engine, "connect", lambda *each: made.append(each))  # noqa: SLF001  (to count)
        yield reader, made


def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()


def test_threads_that_read_one_after_the_other_share_a_connection(connections):
    reader, made = connections
    for _ in range(3):
        reader.rows(NOBODY)
        in_thread(reader.rows, NOBODY)
    assert len(made) == 1
    close(reader)
    assert reader.rows(NOBODY) == []
    assert len(made) == 2


def test_threads_that_read_at_one_moment_have_a_connection_each(connections, monkeypatch):
    reader, made = connections
    compiled = reader._compiled(NOBODY)  # noqa: SLF001  (a moment that is hard to hit)
    run = compiled.run

    def while_another_reads(connection, values):
        monkeypatch.undo()
        in_thread(reader.rows, NOBODY)
        return run(connection, values)

    monkeypatch.setattr(compiled, "run", while_another_reads)
    assert reader.rows(NOBODY) == []
    assert len(made) == 2
    reader.rows(NOBODY)
    assert len(made) == 2


def test_it_keeps_a_connection_whose_statement_failed(connections):
    reader, made = connections
    reader.rows(NOBODY)
    with pytest.raises(DBAPIError):
        reader.rows(text("SELECT nonsense FROM nowhere").columns(id=Integer))
    # What it reads cannot be decoded.
    numbers = select(cast(literal("1.50"), Numeric(10, 2)))
    reader.rows(numbers)
    reader._compiled(numbers)._decoders = [(0, datetime.fromisoformat)]  # noqa: SLF001  (as above)
    with pytest.raises((TypeError, ValueError)):
        reader.rows(numbers)
    assert reader.rows(NOBODY) == []
    assert len(made) == 1


def test_it_reads_again_where_the_connection_was_lost(own_database):
    if own_database.startswith("sqlite"):
        return
    one = select(literal(1, Integer))
    pid = select(func.pg_backend_pid().label("pid"))
    with reading(own_database) as reader:
        row = type(reader.rows(one)[0])
        killer = create_engine(own_database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        lost = reader.rows(pid)[0].pid
        with killer.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": lost})
        again = reader.rows(one)
        assert [type(each) for each in again] == [row]
        assert again == [(1,)]
        assert reader.rows(pid)[0].pid != lost


def test_whatever_ended_one_connection_ended_all_that_nobody_uses(own_database):
    if own_database.startswith("sqlite"):
        return
    pid = select(func.pg_backend_pid().label("pid"))
    with reading(own_database) as reader:
        made = []
        event.listen(reader._engine, "connect", lambda *each: made.append(each))  # noqa: SLF001  (to count)
        # As three threads leave them that have read at one moment.
        idle = [reader._engine.raw_connection() for _ in range(3)]  # noqa: SLF001
        reader._idle += idle  # noqa: SLF001
        killer = create_engine(own_database, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with killer.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        for _ in range(3):
            assert reader.rows(pid)[0].pid
        assert len(made) == 4
        assert not any(each.is_valid for each in idle)


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.sqlite", "postgresql+psycopg://x@localhost:1/x"]
)
def test_it_says_where_there_is_no_database(url):
    with reading(url) as reader, pytest.raises(OperationalError) as raised:
        reader.rows(NOBODY)
    assert raised.value.connection_invalidated
