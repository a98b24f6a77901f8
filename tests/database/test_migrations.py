"""Migrations, by the service's own means, on both databases."""

import argparse
import sqlite3
from contextlib import closing
from threading import Barrier, Thread

import pytest
from alembic.util import CommandError as AlembicError
from core import core_ini
from migrated import (
    HEADS,
    SEATS,
    changing,
    configured,
    current,
    tables,
)
from processes import PATIENCE
from sqlalchemy import Engine, create_engine, event, make_url

from widget_service.cli import CommandError, main
from widget_service.database import file as database_file
from widget_service.database import migrations
from widget_service.database.engines import CONNECT_TIMEOUT
from widget_service.plugins import Plugins
from widget_service.settings import Problem
from widget_service.testing import PLUGINS, application, ini_text


def test_it_goes_up_and_down_by_itself(whole):
    assert migrations.outstanding(whole)
    migrations.upgrade(whole)
    assert migrations.outstanding(whole) == []
    ours = tables(whole)
    migrations.downgrade(whole, "base")
    assert tables(whole) == {"alembic_version"}
    migrations.upgrade(whole)
    assert tables(whole) == ours
    migrations.upgrade(whole)
    assert tables(whole) == ours


def test_it_knows_the_branches_of_a_plugin(whole):
    assert migrations.branches(whole, "widget_service.auth") == ["auth"]
    assert migrations.branches(whole, "widget_service.docs") == []


def test_it_takes_one_plugin_back_and_what_depends_on_it(whole):
    migrations.upgrade(whole)
    migrations.downgrade(whole, "widgets@base")
    assert "site_user" in tables(whole)
    assert "widget" not in tables(whole)
    migrations.upgrade(whole)
    migrations.downgrade(whole, "auth@base")
    assert tables(whole) == {"alembic_version"}


def test_its_models_and_migrations_agree(whole):
    migrations.upgrade(whole)
    assert migrations.differences(whole) == []


def test_the_models_and_migrations_of_another_plugin_agree(notes):
    migrations.upgrade(notes)
    assert migrations.differences(notes) == []


@pytest.mark.parametrize(
    ("drift", "found"),
    [
        ("ALTER TABLE note ADD COLUMN surprise INTEGER", "surprise"),
        ("ALTER TABLE note DROP COLUMN at", "at"),
        ("CREATE INDEX surprise ON note (text)", "surprise"),
        ("DROP TABLE note_tag", "note_tag"),
    ],
)
def test_it_finds_differences(notes, drift, found):
    migrations.upgrade(notes)
    with changing(notes) as connection:
        connection.exec_driver_sql(drift)
    assert found in str(migrations.differences(notes))


def test_it_finds_a_default_that_the_model_has_not(notes):
    migrations.upgrade(notes)
    with changing(notes) as connection:
        connection.exec_driver_sql("ALTER TABLE note DROP COLUMN at")
        added = "at TIMESTAMP WITH TIME ZONE DEFAULT '2026-01-01'"
        connection.exec_driver_sql(f"ALTER TABLE note ADD COLUMN {added}")
    assert "modify_default" in str(migrations.differences(notes))


def test_it_compares_checks_where_that_is_asked_for(whole):
    migrations.upgrade(whole)
    assert migrations.differences(whole, checks=True) == []
    with changing(whole) as connection:
        # As databases of old have it.
        for statement in {
            "postgresql": ["ALTER TABLE widget RENAME CONSTRAINT ck_widget_name TO ck_widget_old"],
            "sqlite": [
                "PRAGMA writable_schema = ON",
                "UPDATE sqlite_schema SET sql = replace(sql, 'ck_widget_name', 'ck_widget_old')",
            ],
        }[connection.dialect.name]:
            connection.exec_driver_sql(statement)
    assert migrations.differences(whole) == []
    found = str(migrations.differences(whole, checks=True))
    assert "ck_widget_name" in found
    assert "ck_widget_old" in found


def test_it_leaves_the_tables_of_others_alone(own_database, tmp_path, notes):
    migrations.upgrade(notes)
    with changing(notes) as connection:
        connection.exec_driver_sql("CREATE TABLE foreigner (id INTEGER)")
    assert migrations.differences(notes) == []
    assert migrations.tables(notes) == {"note", "note_tag", "note_similar"}
    with configured(tmp_path, core_ini(tmp_path, sqlalchemy__url=own_database)) as core:
        assert migrations.tables(core) == set()
        assert migrations.differences(core) == []


def test_it_serves_without_a_plugin_whose_tables_are_there(own_database, tmp_path, notes):
    migrations.upgrade(notes)
    ini = core_ini(tmp_path, sqlalchemy__url=own_database)
    with closing(application(ini, tmp_path).registry.database):
        assert current(notes) == HEADS


@pytest.mark.parametrize("at_start", ["true", "false"])
def test_it_refuses_to_guess_what_revisions_of_others_are(own_database, tmp_path, notes, at_start):
    migrations.upgrade(notes)
    settings = {"database.migrate_at_start": at_start}
    with pytest.raises(SystemExit) as refusal:
        application(ini_text(own_database, PLUGINS, settings), tmp_path)
    said = "no included plugin has (notes0002). If a newer release has migrated it, start that one."
    assert said in str(refusal.value)
    assert current(notes) == HEADS


def test_its_command_refuses_to_guess_as_well(own_database, tmp_path, notes):
    migrations.upgrade(notes)
    with (
        configured(tmp_path, ini_text(own_database, PLUGINS)) as registry,
        pytest.raises(CommandError, match=r"no included plugin has \(notes0002\)"),
    ):
        migrate(registry)
    assert current(notes) == HEADS


def test_it_keeps_the_children_of_a_table_that_a_batch_migration_replaces(notes):
    migrations.upgrade(notes, "notes0001")
    with changing(notes) as connection:
        connection.exec_driver_sql("INSERT INTO note (id, text) VALUES (1, 'a')")
        connection.exec_driver_sql("INSERT INTO note_tag (id, note_id) VALUES (1, 1)")
    migrations.upgrade(notes)
    migrations.downgrade(notes, "notes0001")
    with changing(notes) as connection:
        assert connection.exec_driver_sql("SELECT note_id FROM note_tag").scalar() == 1


def test_it_refuses_migrations_that_break_foreign_keys(tmp_path):
    with configured(tmp_path, core_ini(tmp_path, "plugins.notes")) as registry:
        migrations.upgrade(registry, "notes0001")
        with changing(registry) as connection:
            connection.exec_driver_sql("INSERT INTO note_tag (note_id) VALUES (-1)")
        with pytest.raises(AlembicError, match="break foreign keys"):
            migrations.upgrade(registry)
        assert current(registry) == {"notes0001"}


def test_it_lets_one_process_migrate_at_a_time(own_database, tmp_path):
    processes = 4
    barrier = Barrier(processes)
    failures = []

    def start(directory):
        directory.mkdir()
        try:
            with configured(directory, ini_text(own_database, PLUGINS)) as registry:
                barrier.wait()
                migrations.upgrade(registry)
                assert migrations.outstanding(registry) == []
        except Exception as error:  # noqa: BLE001  (whatever it is)
            failures.append(error)

    # Daemons: without the lock they would get in each other's way and wait for ever.
    threads = [
        Thread(target=start, args=(tmp_path / str(n),), daemon=True) for n in range(processes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failures == []
    assert not any(thread.is_alive() for thread in threads)


def test_it_waits_for_whoever_writes_a_new_sqlite_database(tmp_path):
    file = tmp_path / "new.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE theirs (id INTEGER)")  # without WAL, so that it cannot be set
        other.execute("BEGIN IMMEDIATE")

        def finish(*arguments):
            if arguments[2] == "BEGIN IMMEDIATE":
                other.execute("COMMIT")

        event.listen(Engine, "before_cursor_execute", finish)
        try:
            with migrations.connection(make_url(f"sqlite:///{file}")) as connected:
                assert connected.exec_driver_sql("SELECT * FROM theirs").fetchall() == []
        finally:
            event.remove(Engine, "before_cursor_execute", finish)


def test_it_waits_a_minute_for_whoever_writes_and_nobody_who_reads_waits_for_it(tmp_path):
    with migrations.connection(make_url(f"sqlite:///{tmp_path}/new.sqlite")) as connected:
        assert connected.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000
        assert connected.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_it_does_not_wait_long_for_a_host_that_does_not_answer():
    waits = []

    def connect(_dialect, _record, _arguments, options):
        waits.append(options["connect_timeout"])
        raise ConnectionError

    event.listen(Engine, "do_connect", connect)
    try:
        with (
            pytest.raises(ConnectionError),
            migrations.connection(make_url("postgresql+psycopg://a@example.com/b")),
        ):
            pass
    finally:
        event.remove(Engine, "do_connect", connect)
    assert waits == [CONNECT_TIMEOUT]


def test_it_counts_what_others_have_committed_whatever_the_server_is_set_to(own_postgresql):
    url = make_url(own_postgresql)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"ALTER DATABASE {url.database} SET default_transaction_isolation TO serializable"
        )
    engine.dispose()
    with migrations.connection(url) as connected:
        assert connected.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"


def test_it_says_in_a_line_what_is_wrong_with_a_file(tmp_path):
    (tmp_path / "core.sqlite").write_bytes(b"x" * 5000)
    with (
        configured(tmp_path, core_ini(tmp_path, "plugins.notes")) as registry,
        pytest.raises(CommandError, match="file is not a database"),
    ):
        migrate(registry)


def test_it_rolls_back_all_of_a_migration_that_fails(notes):
    migrations.upgrade(notes, "notes0001")
    with changing(notes) as connection:
        connection.exec_driver_sql("DROP TABLE note_tag")
        connection.exec_driver_sql("DROP TABLE note_similar")
        connection.exec_driver_sql("DROP TABLE note")
        connection.exec_driver_sql("DELETE FROM alembic_version")
        connection.exec_driver_sql("CREATE TABLE note_similar (id INTEGER)")
    with pytest.raises(CommandError, match="already exists"):
        migrate(notes)
    assert tables(notes) == {"alembic_version", "note_similar"}


def migrate(registry, down=None, *, with_dependents=False):
    args = argparse.Namespace(down=down, with_dependents=with_dependents)
    registry.commands["migrate"].run(registry, args)


def test_it_migrates_by_command(notes, tmp_path, capsys):
    command = ["-c", str(tmp_path / "test.ini"), "migrate"]
    assert main(command) == 0
    assert current(notes) == HEADS
    assert all(head in capsys.readouterr().out.removeprefix("applied: ") for head in HEADS)
    assert main([*command, "--down", "notes@base"]) == 0
    assert current(notes) == set()
    assert capsys.readouterr().out.startswith("taken back: ")
    assert main([*command, "--down", "notes@base"]) == 0
    assert capsys.readouterr().out == "there was nothing to do\n"


def test_it_names_the_revision_that_the_database_refuses(write_seats, tmp_path):
    ini = write_seats(SEATS.replace("CREATE TABLE seat (id INTEGER)", "SELECT * FROM nowhere"))
    file = tmp_path / "modules" / "seats" / "migrations" / "0001.py"
    said = f"revision seats0001 ({file}): "
    with pytest.raises(SystemExit) as refusal:
        application(ini, tmp_path)
    (line,) = str(refusal.value).splitlines()[1:]
    assert line.strip().startswith(f"- {said}")
    assert "nowhere" in line
    with configured(tmp_path, ini) as registry:
        with pytest.raises(CommandError) as refused:
            migrate(registry)
        assert str(refused.value).startswith(said)


@pytest.mark.parametrize(
    ("target", "others"),
    [
        ("widgets@base", "seats0001 of seats"),
        ("auth@base", "seats0001 of seats, widgets0001 of widget_service.widgets"),
    ],
)
def test_it_takes_nothing_of_other_plugins_back_unasked(seats, target, others):
    with pytest.raises(CommandError, match=f"as well: {others}.*--with-dependents"):
        migrate(seats, target)
    assert {"seat", "widget"} <= tables(seats)
    migrate(seats, target, with_dependents=True)
    assert not {"seat", "widget"} & tables(seats)


def test_it_takes_back_what_nobody_depends_on_and_all_of_it_where_that_is_asked_for(seats):
    migrate(seats, "seats@base")
    assert "seat" not in tables(seats)
    assert "widget" in tables(seats)
    migrate(seats)
    migrate(seats, "base")
    assert tables(seats) == {"alembic_version"}


def test_it_refuses_the_bare_name_of_a_branch(seats):
    with pytest.raises(CommandError, match="to take all of it back: seats@base"):
        migrate(seats, "seats")
    assert "seat" in tables(seats)


def test_it_knows_no_dependents_where_it_goes_up(notes):
    with pytest.raises(CommandError, match="for --down only"):
        migrate(notes, with_dependents=True)
    assert tables(notes) == set()


@pytest.mark.parametrize("revision", ["typo@base", "nonsense", "notes@nonsense"])
def test_it_says_in_a_line_that_there_is_no_such_revision(notes, revision):
    migrate(notes)
    with pytest.raises(CommandError) as refusal:
        migrate(notes, down=revision)
    assert "\n" not in str(refusal.value)
    # It is no file's fault.
    assert ".sqlite" not in str(refusal.value)
    assert current(notes) == HEADS


def test_it_refuses_to_start_on_a_database_that_is_not_migrated(own_database, tmp_path):
    database_file.make(own_database)
    ini = ini_text(own_database, PLUGINS, {"database.migrate_at_start": "false"})
    with pytest.raises(SystemExit) as refusal:
        application(ini, tmp_path)
    (line,) = str(refusal.value).splitlines()[1:]
    assert f"run: widget-service -c {tmp_path / 'test.ini'} migrate" in line
    with configured(tmp_path, ini) as registry:
        migrations.upgrade(registry)
    application(ini, tmp_path).registry.database.close()


def test_it_refuses_to_start_without_a_table_of_a_plugin_that_migrates_nothing(
    own_database, tmp_path, monkeypatch
):
    problem = Problem("table cake", None, "baking", "is not there")
    monkeypatch.setattr(Plugins, "unmade", lambda *_: [problem])
    with pytest.raises(SystemExit, match=r"table cake \(baking\): is not there"):
        application(ini_text(own_database, PLUGINS), tmp_path)


@pytest.mark.parametrize(
    "location",
    [
        "nowhere:migrations",
        "plugins.nowhere:migrations",
        "nowhere.at.all:migrations",
        "plugins.notes:migration",
        "plugins.echo:migrations",
        ":migrations",
        "plugins.notes",
    ],
)
def test_it_refuses_a_folder_that_is_not_there(tmp_path, monkeypatch, location):
    monkeypatch.setenv("LOST_MIGRATIONS", location)
    with pytest.raises(SystemExit, match=f"there is no folder {location}"):
        application(core_ini(tmp_path, "plugins.lost"), tmp_path)
