"""The file of an SQLite database is the operator's, who may make mistakes with it."""

import shutil
import stat
import subprocess
import sys
from contextlib import closing

import processes
import pytest
from migrated import configured
from sqlalchemy.exc import OperationalError

from widget_service.database import engines, migrations
from widget_service.database import file as database_file
from widget_service.database.file import DatabaseFile
from widget_service.errors import UNAVAILABLE
from widget_service.ops.health import UNREACHABLE
from widget_service.testing import PASSWORD, PLUGINS, Client, application, ini_text

READY = "/__heartbeat__"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "own.sqlite"


@pytest.fixture
def client(file, tmp_path):
    app = application(ini_text(f"sqlite:///{file}", ["widget_service.ops", *PLUGINS]), tmp_path)
    with closing(app.registry.database):
        yield Client(app)


def register(client, name, **options):
    fields = {"email": f"{name}@example.com", "password": PASSWORD}
    return client.post("/api/v1/auth/register", fields, **options)


def test_it_is_for_nobody_else_to_read(client, file):
    register(client, "somebody")
    for each in file.parent.glob("own.sqlite*"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600, each


def test_it_is_for_nobody_else_to_read_where_a_command_makes_it(file, tmp_path):
    with configured(tmp_path, ini_text(f"sqlite:///{file}")) as registry:
        migrations.upgrade(registry)
        for each in file.parent.glob("own.sqlite*"):
            assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
    assert file.exists()


def test_it_leaves_alone_what_is_there(file):
    file.write_bytes(b"content")
    file.chmod(0o644)
    database_file.make(f"sqlite:///{file}")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"content", 0o644)


def test_it_makes_what_a_link_leads_to(file):
    file.symlink_to(file.with_name("elsewhere.sqlite"))
    database_file.make(f"sqlite:///{file}")
    assert file.with_name("elsewhere.sqlite").stat().st_size == 0


def test_it_is_where_it_was_when_the_directory_changes(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    app = application(ini_text("sqlite:///own.sqlite"), tmp_path)
    with closing(app.registry.database):
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        register(Client(app), "somebody", status=201)
    assert file.exists()


def test_nothing_is_acknowledged_that_goes_to_a_file_that_is_gone(client, file, caplog):
    register(client, "first", status=201)
    # As somebody does who puts a backup in its place, and forgets the service.
    file.rename(file.with_name("moved.sqlite"))
    assert register(client, "second", status=503).json == {"message": UNAVAILABLE}
    assert f"there is no {file}" in caplog.text
    assert client.get(READY, status=503).json == {"message": UNREACHABLE}
    shutil.copy(file.with_name("moved.sqlite"), file)
    assert register(client, "third", status=503).json == {"message": UNAVAILABLE}
    assert f"{file} is another file than at the start; start again" in caplog.text
    assert client.get(READY, status=503).json == {"message": UNREACHABLE}
    file.with_name("moved.sqlite").rename(file)
    register(client, "fourth", status=201)
    assert client.get(READY, status=200)


@pytest.mark.parametrize("gone", [["-wal"], ["-shm"], ["-wal", "-shm"]])
def test_nothing_is_acknowledged_that_goes_to_a_log_that_is_gone(file, tmp_path, caplog, gone):
    # By a link, as a file may be on another disk.
    link = tmp_path / "link.sqlite"
    link.symlink_to(file)
    app = application(ini_text(f"sqlite:///{link}", PLUGINS), tmp_path)
    with closing(app.registry.database):
        client = Client(app)
        register(client, "first", status=201)
        for suffix in gone:
            file.with_name(file.name + suffix).unlink()
        assert register(client, "second", status=503).json == {"message": UNAVAILABLE}
        assert f"{link}-wal or -shm is gone" in caplog.text
        # Nor where another process has made new ones.
        for suffix in gone:
            file.with_name(file.name + suffix).touch()
        assert register(client, "third", status=503).json == {"message": UNAVAILABLE}


def test_nothing_is_acknowledged_that_goes_to_a_new_log_beside_an_old_one(file, tmp_path):
    ini = ini_text(f"sqlite:///{file}", ["widget_service.ops", *PLUGINS])
    application(ini, tmp_path).registry.database.close()
    app = application(ini, tmp_path)
    with closing(app.registry.database):
        client = Client(app)
        # It has read, and not written yet.
        client.get(READY)
        for suffix in ("-wal", "-shm"):
            file.with_name(file.name + suffix).unlink()
        register(client, "first", status=503)
        assert client.get(READY, status=503).json == {"message": UNREACHABLE}


def test_it_takes_a_new_log_when_it_had_none_open(client, file):
    register(client, "first", status=201)
    client.registry.database.close()
    assert not file.with_name("own.sqlite-wal").exists()
    register(client, "second", status=201)
    assert client.get(READY)


def test_its_log_is_put_away_with_all_connections(client, file):
    register(client, "first", status=201)
    assert file.with_name("own.sqlite-wal").exists()
    engines.close_all()
    assert not file.with_name("own.sqlite-wal").exists()
    register(client, "second", status=201)


def in_another_process(file, statement):
    """What a statement answers somebody who opens the file anew."""
    code = (
        "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone())"
    )
    command = [sys.executable, "-c", code, str(file), statement]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_not_ready_when_its_log_is_gone(client, file):
    register(client, "first", status=201)
    wal = file.with_name("own.sqlite-wal")
    wal.rename(file.with_name("moved"))
    # Nobody has written since.
    assert client.get(READY, status=503).json == {"message": UNREACHABLE}
    file.with_name("moved").rename(wal)
    register(client, "second", status=201)
    assert client.get(READY).json == {"message": "ready"}


def test_its_end_undoes_nothing_that_others_wrote_since_its_log_is_gone(file, tmp_path):
    ini = tmp_path / "own.ini"
    ini.write_text(ini_text(f"sqlite:///{file}"), encoding="utf-8")
    for name in ("somebody", "other"):
        app = application(ini.read_text(encoding="utf-8"), tmp_path)
        client = Client(app)
        register(client, name, status=201)
        if name == "somebody":
            app.registry.database.close()
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink()
    register(client, "third", status=503)
    # An operator, who reads that it is done.
    command = ("widget-service", "-c", str(ini), "disable", "somebody@example.com")
    assert processes.run(*command, cwd=tmp_path).returncode == 0
    app.registry.database.close()
    assert in_another_process(file, "SELECT count(*), max(disabled) FROM site_user") == "1 1"


# A server that is not ours, and closes nothing.
ENDING = """
import pathlib, subprocess, sys
from widget_service.testing import Client, application
ini = pathlib.Path("own.ini")
app = application(ini.read_text(encoding="utf-8"), pathlib.Path())
fields = {"email": "other@example.com", "password": "123456"}
Client(app).post("/api/v1/auth/register", fields, status=201)
for suffix in ("-wal", "-shm"):
    pathlib.Path(f"own.sqlite{suffix}").unlink()
command = ["widget-service", "-c", str(ini), "disable", "somebody@example.com"]
subprocess.run(command, check=True)
"""


def test_the_end_of_another_server_undoes_nothing_either(file, tmp_path):
    ini = ini_text(f"sqlite:///{file}")
    (tmp_path / "own.ini").write_text(ini, encoding="utf-8")
    app = application(ini, tmp_path)
    register(Client(app), "somebody", status=201)
    app.registry.database.close()
    (tmp_path / "ending.py").write_text(ENDING, encoding="utf-8")
    done = processes.run("python", "ending.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert in_another_process(file, "SELECT count(*), max(disabled) FROM site_user") == "1 1"


def test_its_end_saves_what_it_wrote_where_nobody_else_has(file, tmp_path):
    app = application(ini_text(f"sqlite:///{file}"), tmp_path)
    register(Client(app), "somebody", status=201)
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink()
    app.registry.database.close()
    assert in_another_process(file, "SELECT count(*) FROM site_user") == "1"


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg:///name", "sqlite://", "sqlite:///file:x?uri=true"]
)
def test_there_is_nothing_to_check_of_others(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    database_file.make(url)
    DatabaseFile(url).check()
    assert not list(tmp_path.iterdir())


def test_it_makes_no_file_that_nobody_asked_for(file):
    with pytest.raises(OperationalError, match="there is no"):
        DatabaseFile(f"sqlite:///{file}").check()
    database_file.make(f"sqlite:///{file.parent}/no/folder/own.sqlite")
    assert not list(file.parent.iterdir())
