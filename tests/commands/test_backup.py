"""Copies of a database; of one that is written to meanwhile, see faults/test_backup.py."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import postgresql_programs
import pytest
from sqlalchemy import make_url

from widget_service import cli
from widget_service.testing import Client, application, ini_text


@pytest.fixture
def run(tmp_path, capsys):
    """Runs a command on a database: its status, and what it prints on both streams."""

    def run_command(url, *arguments):
        file = tmp_path / "command.ini"
        file.write_text(ini_text(url), encoding="utf-8")
        status = cli.main(["-c", str(file), *map(str, arguments)])
        return status, *capsys.readouterr()

    return run_command


@pytest.fixture
def sqlite(tmp_path):
    """The URL of a database with nothing but tables."""
    url = f"sqlite:///{tmp_path / 'own.sqlite'}"
    application(ini_text(url), tmp_path)
    return url


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Puts a shell script in the place of pg_dump."""

    def write(script):
        program = tmp_path / "pg_dump"
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return write


def test_it_copies_everything_to_one_file(own_database, run, tmp_path, request, monkeypatch):
    server = request.getfixturevalue("postgresql")
    monkeypatch.setenv("PATH", postgresql_programs.path(server))
    app = application(ini_text(own_database), tmp_path)
    user = Client(app).sign_up("user@example.com")
    copy = tmp_path / "copy"
    # The application has the database open still.
    status, stdout, stderr = run(own_database, "backup", copy)
    app.registry.database.close()
    assert (status, stderr) == (0, "")
    assert stdout.startswith(f"{copy} has a copy of the database. ")
    assert "new key" in stdout
    assert "demote and disable again" in stdout
    # One that nobody else may read.
    assert [each.name for each in tmp_path.glob("copy*")] == ["copy"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with postgresql_programs.restored(copy, request) as url:
        app = application(ini_text(url), tmp_path)
        again = Client(app, user.account).get("/api/v1/auth/user")
        assert again.json["public_id"] == user.account.public_id
        app.registry.database.close()


def test_a_copy_is_on_the_disk_before_it_has_its_name(sqlite, run, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    fsync, written = os.fsync, []

    def noting(file):
        fsync(file)
        status = os.fstat(file)
        written.append((status.st_ino, status.st_size, copy.exists()))

    monkeypatch.setattr(os, "fsync", noting)
    assert run(sqlite, "backup", copy)[0] == 0
    status = copy.stat()
    assert written == [(status.st_ino, status.st_size, False)]


@pytest.mark.parametrize("name", ["copy", "copy.unfinished"])
def test_it_overwrites_nothing(sqlite, run, tmp_path, name):
    there = tmp_path / name
    there.write_text("precious", encoding="utf-8")
    refusal = f"{there} is there already, and is not overwritten\n"
    assert run(sqlite, "backup", tmp_path / "copy") == (1, "", refusal)
    assert there.read_text(encoding="utf-8") == "precious"


def test_it_says_that_a_folder_is_no_file(sqlite, run):
    assert run(sqlite, "backup", ".") == (1, "", ". is not the name of a file\n")


def test_it_says_where_it_cannot_write(sqlite, run, tmp_path):
    status, _stdout, stderr = run(sqlite, "backup", tmp_path / "absent" / "copy")
    assert status == 1
    assert "cannot be written: [Errno 2]" in stderr


def test_it_copies_no_database_that_is_not_there(run, tmp_path):
    file = tmp_path / "misspelt.sqlite"
    refusal = f"the database says: there is no {file} (No such file or directory)\n"
    assert run(f"sqlite:///{file}", "backup", tmp_path / "copy") == (1, "", refusal)
    assert not file.exists()
    file.touch()
    refusal = f"{file} has nothing to copy\n"
    assert run(f"sqlite:///{file}", "backup", tmp_path / "copy") == (1, "", refusal)
    assert not list(tmp_path.glob("copy*"))


def test_it_copies_nothing_that_is_damaged(sqlite, run, tmp_path):
    file = tmp_path / "own.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        table = "SELECT rootpage FROM sqlite_schema WHERE name = 'site_user'"
        (page,) = database.execute(table).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * size)
    status, stdout, stderr = run(sqlite, "backup", tmp_path / "copy")
    assert (status, stdout) == (1, "")
    assert stderr.startswith("the database is damaged, see check-database: ")
    assert not list(tmp_path.glob("copy*"))


def test_it_says_what_pg_dump_says(run, tmp_path, fake):
    fake("echo half > ${2#--file=}; echo 'pg_dump: error: no space left' >&2; exit 1")
    url = "postgresql+psycopg://127.0.0.1:1/widgets"
    said = "pg_dump says: pg_dump: error: no space left\n"
    assert run(url, "backup", tmp_path / "copy") == (1, "", said)
    assert not list(tmp_path.glob("copy*"))


def test_it_says_what_to_run_where_there_is_no_pg_dump(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    url = "postgresql+psycopg://me:hunter2@db.example.com/widgets?password=hunter3"
    status, _stdout, stderr = run(url, "backup", tmp_path / "copy")
    assert status == 1
    assert stderr == (
        "pg_dump is not installed here; where it is, run: pg_dump --format=custom --file=FILE "
        "'--dbname=host=db.example.com dbname=widgets user=me'\n"
    )


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql+psycopg://me:hunter2@127.0.0.1:1/widgets", "hunter2"),
        ("postgresql+psycopg://127.0.0.1:1/widgets?password=hunter3", "hunter3"),
        ("postgresql+psycopg://127.0.0.1:1/widgets", ""),
    ],
)
def test_it_shows_the_password_to_pg_dump_alone(run, tmp_path, monkeypatch, fake, url, password):
    fake(f'echo "$PGPASSWORD $*" > {tmp_path}/said')
    monkeypatch.delenv("PGPASSWORD", raising=False)
    assert run(url, "backup", tmp_path / "copy")[0] == 0
    said, arguments = (tmp_path / "said").read_text(encoding="utf-8").split(" ", 1)
    assert said == password
    assert "hunter" not in arguments
    assert "port=1" in arguments


TELLTALE = """
stat -c %a "$PGSERVICEFILE" > {0}/mode
cp "$PGSERVICEFILE" {0}/service
echo "$PGSERVICEFILE" > {0}/name
echo "$PGSERVICE $PGPASSWORD $PGSSLKEY $*" > {0}/said
"""


def test_it_shows_no_other_secret_to_anybody_but_pg_dump(run, tmp_path, monkeypatch, fake):
    fake(TELLTALE.format(tmp_path))
    monkeypatch.delenv("PGSERVICE", raising=False)
    secrets = "sslpassword=hunter3&scram_client_key=hunter4&sslkey=/hunter5&sslmode=require"
    url = f"postgresql+psycopg://me:hunter2@127.0.0.1:1/widgets?{secrets}"
    assert run(url, "backup", tmp_path / "copy")[0] == 0
    told = {name: (tmp_path / name).read_text("utf-8") for name in ("mode", "service", "name")}
    assert told["mode"] == "600\n"
    # In some order.
    assert {*told["service"].splitlines()} == {
        "[backup]", "sslpassword=hunter3", "scram_client_key=hunter4",
    }  # fmt: skip
    assert not Path(told["name"].strip()).exists()
    said = (tmp_path / "said").read_text("utf-8")
    service, password, key, arguments = said.split(" ", 3)
    assert (service, password, key) == ("backup", "hunter2", "/hunter5")
    assert "hunter" not in arguments
    assert "sslmode=require" in arguments


def test_it_leaves_no_secret_behind_where_pg_dump_fails(run, tmp_path, fake):
    fake(f'echo "$PGSERVICEFILE" > {tmp_path}/name; exit 1')
    url = "postgresql+psycopg://127.0.0.1:1/widgets?sslpassword=hunter3"
    assert run(url, "backup", tmp_path / "copy")[0] == 1
    name = (tmp_path / "name").read_text("utf-8").strip()
    assert name
    assert not Path(name).exists()


@pytest.mark.parametrize(("query", "variable"), [("&service=mine", None), ("", "mine")])
def test_it_says_that_a_service_has_all_secrets(run, tmp_path, monkeypatch, fake, query, variable):
    fake("echo called >&2; exit 1")
    if variable:
        monkeypatch.setenv("PGSERVICE", variable)
    url = f"postgresql+psycopg://127.0.0.1:1/widgets?sslpassword=hunter3{query}"
    refusal = "the database is named by a service: put sslpassword there, too\n"
    assert run(url, "backup", tmp_path / "copy") == (1, "", refusal)
    assert not list(tmp_path.glob("copy*"))


def test_pg_dump_understands_the_service(own_postgresql, run, tmp_path, postgresql, monkeypatch):
    monkeypatch.setenv("PATH", postgresql_programs.path(postgresql))
    application(ini_text(own_postgresql), tmp_path).registry.database.close()
    url = make_url(own_postgresql).update_query_dict({"sslpassword": "hunter3 %=#"})
    url = url.render_as_string(hide_password=False)
    status, _stdout, stderr = run(url, "backup", tmp_path / "copy")
    assert (status, stderr) == (0, "")
