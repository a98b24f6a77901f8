"""The two roads to the database, through the real tweens and on real files."""

import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

import pytest
from core import core_ini, serving
from plugins.notes import COUNT, Note
from pyramid.scripts.pshell import PShellCommand
from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    create_engine,
    insert,
    text,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable
from transaction import TransactionManager
from turns import others_go_on

from widget_service.db import Base, Request, UtcDateTime, utc_now
from widget_service.testing import application, statements


@pytest.fixture
def notes(own_database, tmp_path):
    settings = {"sqlalchemy__url": own_database, "sqlalchemy__pool_size": "1"}
    settings |= {"sqlalchemy__max_overflow": "0", "sqlalchemy__pool_timeout": "0"}
    with serving(tmp_path, "plugins.notes", **settings) as testapp:
        yield testapp
        # Every connection for writing came back.
        assert testapp.app.registry.database.write_engine.pool.checkedout() == 0


@pytest.fixture
def database(notes):
    return notes.app.registry.database


def counted(notes):
    return notes.get("/api/v1/notes").json["notes"]


@pytest.mark.parametrize(
    ("deed", "written"), [("core", 1), ("textual", 1), ("orm", 1), ("nested", 1), ("clear", 1)]
)
def test_it_commits_whatever_way_something_was_written(notes, deed, written):
    assert notes.post(f"/api/v1/notes/{deed}").json == {}
    assert counted(notes) == written


@pytest.mark.parametrize("deed", ["bug", "conflict", "returned", "answered", "early", "undo"])
def test_it_rolls_back_what_an_error_answers(notes, deed):
    assert notes.post(f"/api/v1/notes/{deed}", expect_errors=True).status_int >= 400
    assert counted(notes) == 0


def test_it_leaves_a_clean_connection_after_a_commit_that_failed(notes):
    # The only connection to write with: a transaction that is left open would show.
    for _ in range(3):
        assert notes.post("/api/v1/notes/dangling", status="*").status_int == 409
        assert counted(notes) == 0
    notes.post("/api/v1/notes/orm")
    assert counted(notes) == 1


def test_it_says_nothing_is_kept_where_nothing_is(notes, caplog):
    answer = notes.post("/api/v1/notes/swallowed", expect_errors=True)
    # SQLite undoes the statement alone, PostgreSQL the transaction.
    assert answer.status_int in (200, 500)
    assert counted(notes) == (answer.status_int == 200)
    assert ("nothing is kept" in caplog.text) is (answer.status_int == 500)


def test_it_refuses_what_refers_to_nothing(notes):
    answer = notes.post("/api/v1/notes/orphan", status=409)
    assert "not there any more" in answer.json["message"]
    assert counted(notes) == 0


def test_it_reads_inside_a_transaction_what_it_wrote(notes):
    assert notes.post("/api/v1/notes").json == {"inside": 1, "outside": 0}
    assert notes.post("/api/v1/notes").json == {"inside": 2, "outside": 1}


ASKS_ITSELF = """
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from widget_service.rest import Service

one = Service("one", "/one", permission=NO_PERMISSION_REQUIRED)
other = Service("other", "/other", permission=NO_PERMISSION_REQUIRED)

@one.get()
def get_one(request):
    made_by = type(request) if "own" in request.GET else Request
    return request.invoke_subrequest(made_by.blank("/api/v1/other")).json

@other.get()
def get_other(_request):
    return {"other": True}

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(one)
    config.add_rest_service(other)
"""


def test_it_answers_another_request_of_a_view_that_is_of_the_same_class(tmp_path, write_plugin):
    write_plugin("asks_itself", ASKS_ITSELF)
    with serving(tmp_path, "asks_itself") as testapp:
        assert testapp.get("/api/v1/one?own").json == {"other": True}
        # Pyramid's own class lacks what views rely on.
        testapp.get("/api/v1/one", status=500)


def test_it_gives_no_session_to_a_safe_request(notes, caplog):
    notes.get("/api/v1/notes/session", status=500)
    assert "a GET request writes nothing: it reads with request.rows" in caplog.text


def test_it_cannot_write_on_the_road_for_reading(notes, database, caplog):
    notes.post("/api/v1/notes/core")
    notes.get("/api/v1/notes/delete", status=500)
    assert "unexpected error: GET /api/v1/notes/delete" in caplog.text
    assert counted(notes) == 1
    with pytest.raises(DBAPIError, match=r"read-?only"):
        database.read(insert(Note).values(text="a").returning(Note.id))


def test_it_ends_what_a_response_callback_begins(notes):
    notes.post("/api/v1/notes/late")
    assert notes.app.registry.late
    # Nobody else could write now, if the session had kept the connection.
    notes.post("/api/v1/notes/core")
    assert counted(notes) == 2


def test_it_reads_while_another_connection_writes(notes, database):
    with database.write_engine.begin() as other:
        other.execute(insert(Note).values(text="a"))
        assert counted(notes) == 0
    assert counted(notes) == 1


def test_others_go_on_while_somebody_waits_to_write(notes):
    registry = notes.app.registry
    request = Request.blank("/", method="POST")
    request.environ["tm.active"] = True
    request.registry, request.tm = registry, TransactionManager(explicit=True)
    request.tm.begin()
    assert others_go_on(lambda: request.dbsession)
    request.tm.abort()


def test_it_sends_one_statement_for_a_read(notes):
    with statements(notes.app.registry) as sent:
        counted(notes)
    assert len(sent) == 1


def test_it_begins_no_transaction_that_nobody_needs(notes):
    registry = notes.app.registry
    with statements(registry) as sent:
        notes.get("/nothing", status=404)
        notes.post("/nothing", status=404)
        notes.options("/api/v1/notes")
        notes.put("/api/v1/notes", status=405)
    assert sent == []
    assert registry.database.write_engine.pool.checkedin() == 0


def test_it_loses_no_read_modify_write(own_database, tmp_path):
    with serving(tmp_path, "plugins.notes", sqlalchemy__url=own_database) as testapp:
        testapp.post("/api/v1/notes/clear")
        failures = []

        def increase():
            for _ in range(40):
                response = testapp.post("/api/v1/notes/increase", expect_errors=True)
                failures.extend([response.text] if response.status_int != 200 else [])

        threads = [threading.Thread(target=increase) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        (note,) = testapp.app.registry.database.read(text("SELECT text FROM note"))
        assert note.text == "160"


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC),
        datetime(2026, 11, 23, 15, 4, 5, tzinfo=timezone(timedelta(hours=-7))),
        None,
    ],
)
def test_it_stores_times_in_utc_and_brings_them_back_aware(own_database, moment):
    engine = create_engine(own_database)
    times = Table("times", MetaData(), Column("at", UtcDateTime))
    with engine.begin() as connection:
        times.create(connection)
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TIME ZONE 'Asia/Tokyo'")
        connection.execute(times.insert().values(at=moment))
        found = connection.execute(times.select()).scalar()
    assert found == moment
    assert moment is None or found.tzinfo is UTC
    engine.dispose()


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-23 15:04:05.000000",
        "2026-11-23 15:04:05",
        "2026-11-23 15:04:05.000",
        "2026-11-23T15:04:05Z",
        "2026-11-23 15:04:05+00:00",
        "2026-11-23 16:04:05.000000+01:00",
    ],
)
def test_it_reads_times_that_others_have_written_to_sqlite(written):
    read = UtcDateTime().result_processor(sqlite.dialect(), None)
    assert read(written) == datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)
    assert read(written).tzinfo is UTC
    assert read("2026-11-23") == datetime(2026, 11, 23, tzinfo=UTC)


def test_it_refuses_a_time_without_a_zone():
    with pytest.raises(TypeError, match="has no time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 11, 23), None)  # noqa: DTZ001  (naive)


def test_it_tells_the_time_to_the_second(time_machine):
    time_machine.move_to(datetime(2026, 11, 23, 15, 4, 5, 678, tzinfo=UTC), tick=False)
    assert utc_now() == datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC)


def test_it_names_every_constraint():
    table = Table(
        "thing",
        MetaData(naming_convention=Base.metadata.naming_convention),
        Column("id", Integer, primary_key=True),
        Column("a", Integer, index=True, unique=False),
        Column("b", Integer),
        Column("c", ForeignKey("other.id")),
        UniqueConstraint("a", "b"),
        CheckConstraint("a > 0", name="positive"),
    )
    Table("other", table.metadata, Column("id", Integer, primary_key=True))
    ddl = str(CreateTable(table)) + "".join(str(CreateIndex(index)) for index in table.indexes)
    for name in ("pk_thing", "ix_thing_a", "uq_thing_a_b", "ck_thing_positive", "fk_thing_c_other"):
        assert name in ddl


def test_it_gives_pshell_a_session_that_leaves_nothing_behind(own_database, tmp_path):
    ini = core_ini(tmp_path, "plugins.notes", sqlalchemy__url=own_database)
    ini += "[pshell]\nsetup = widget_service.db.pshell_setup\n"
    with closing(application(ini, tmp_path).registry.database):
        seen = []

        def shell(env, _help):
            env["dbsession"].add(Note(text="a"))
            seen.append(env["dbsession"].scalar(COUNT))
            seen.append(env["request"].read(COUNT)[0][0])

        # A second time: the first one left no lock behind.
        for _ in range(2):
            command = PShellCommand(["pshell", str(tmp_path / "test.ini")], quiet=True)
            assert command.run(shell) in (0, None)
        assert seen == [1, 0, 1, 0]
