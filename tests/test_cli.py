"""``widget-service``: which file it reads, what it prints, and how it ends."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import pytest
from processes import PATIENCE, SCRIPTS, environment, ini_file, run
from sqlalchemy import text

from widget_service import cli
from widget_service.testing import ini_text

AUTH = ("widget_service.auth",)
# One command for each way to end.
ENDS = """
from sqlalchemy import text
from widget_service import cli
from widget_service.cli import CommandError

def fail(registry, args):
    raise CommandError("it cannot be done")

def interrupt(registry, args):
    raise KeyboardInterrupt

def stumble(registry, args):
    with cli.session(registry) as session:
        session.execute(text("SELECT 'hunter2' FROM absent"))

def say(registry, args):
    print(args.what, args.conf)

def argue(parser):
    parser.add_argument("what")
    parser.add_argument("--conf")

def includeme(config):
    config.include("widget_service")
    config.add_command("fail", fail, help="fail")
    config.add_command("interrupt", interrupt, help="interrupt")
    config.add_command("stumble", stumble, help="stumble")
    config.add_command("say", say, argue, help="say something", unmigrated=True)
"""


@pytest.fixture
def file(tmp_path, write_plugin, monkeypatch):
    """An .ini file whose commands end in every way."""
    monkeypatch.delenv("WIDGET_SERVICE_INI", raising=False)
    monkeypatch.chdir(tmp_path)
    write_plugin("ends", ENDS)
    path = tmp_path / "test.ini"
    path.write_text(
        ini_text(f"sqlite:///{tmp_path / 'test.sqlite'}", [*AUTH, "ends"]), encoding="utf-8"
    )
    return path


def ended(*argv):
    """The exit status of a command, also where argparse is what ends it."""
    try:
        return cli.main(argv)
    except SystemExit as end:
        return end.code


@pytest.mark.parametrize(
    "argv",
    [
        ["-c", "test.ini", "say", "hello"],
        ["-ctest.ini", "say", "hello"],
        ["--config", "test.ini", "say", "hello"],
        ["--config=test.ini", "say", "hello"],
        ["say", "hello", "-c", "test.ini"],
        ["say", "-c", "test.ini", "hello"],
    ],
    ids=" ".join,
)
def test_it_reads_the_file_that_is_named_before_or_after_the_command(file, capsys, argv):
    assert ended(*argv) == 0
    assert capsys.readouterr().out == "hello None\n"


def test_it_leaves_options_of_a_command_alone(file, capsys):
    assert ended("-c", "test.ini", "say", "hello", "--conf", "x") == 0
    assert capsys.readouterr().out == "hello x\n"


@pytest.mark.parametrize("arguments", ["parser", "parser.add_subparsers().add_parser('part')"])
@pytest.mark.parametrize("option", ["-c", "--config"])
def test_it_says_that_a_command_cannot_have_its_own_option(
    file, write_plugin, capsys, option, arguments
):
    write_plugin("ends", f"{ENDS}\ndef argue(parser):\n    {arguments}.add_argument({option!r})\n")
    assert ended("-c", "test.ini", "say", "hello") == 1
    assert capsys.readouterr().err == (
        f"the command say: argument {option}: conflicting option string: {option}; "
        "-h and --help, -c and --config are the same for all commands\n"
    )


def test_it_takes_no_abbreviation_of_its_own_option_after_the_command(file, capsys):
    assert ended("-c", "test.ini", "fail", "--conf", "x") == 2
    assert "unrecognized arguments: --conf" in capsys.readouterr().err


def test_it_reads_the_file_that_the_environment_names(file, monkeypatch, capsys):
    monkeypatch.setenv("WIDGET_SERVICE_INI", str(file))
    assert ended("say", "hello") == 0


def test_it_prefers_the_file_of_the_command_line(file, monkeypatch, capsys):
    monkeypatch.setenv("WIDGET_SERVICE_INI", "/no/such/file.ini")
    assert ended("-c", str(file), "say", "hello") == 0


def test_it_reads_development_ini_by_default(file, capsys):
    file.rename("development.ini")
    assert ended("say", "hello") == 0


def test_it_says_that_there_is_no_file(file, capsys):
    assert ended("say", "hello") == 1
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "development.ini: no such file; name one with -c FILE.ini or WIDGET_SERVICE_INI\n",
    )


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["fail"], 1, "it cannot be done\n"),
        (["stumble"], 1, "the database says: no such table: absent\n"),
        (["interrupt"], 128 + signal.SIGINT, ""),
        (["nothing"], 2, "invalid choice: 'nothing'"),
        ([], 2, "the following arguments are required: COMMAND"),
        (["say"], 2, "the following arguments are required: what"),
        (["say", "hello", "--loud"], 2, "unrecognized arguments: --loud"),
    ],
)
def test_it_tells_by_its_status_how_it_ended(file, capsys, argv, status, said):
    assert ended("-c", "test.ini", *argv) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(said) if status == 1 else said in err
    assert "Traceback" not in err


def test_it_says_in_one_line_that_the_database_is_locked(file, capsys, monkeypatch):
    monkeypatch.setenv("WIDGET_SERVICE_DATABASE_LOCK_TIMEOUT", "1")
    assert ended("-c", "test.ini", "purge-blacklist") == 0
    capsys.readouterr()
    monkeypatch.setenv("WIDGET_SERVICE_DATABASE_MIGRATE_AT_START", "false")
    with contextlib.closing(sqlite3.connect("test.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ended("-c", "test.ini", "purge-blacklist") == 1
    assert capsys.readouterr() == ("", "the database says: database is locked\n")


def test_it_commits_a_session_at_its_end_and_rolls_back_what_fails(client):
    insert = text("INSERT INTO token_blacklist VALUES (:jti, '2030-01-01', '2030-01-01')")

    def keep(jti, number):
        with cli.session(client.registry) as session:
            session.execute(insert, {"jti": jti})
            return 1 / number

    keep("kept", 1)
    with pytest.raises(ZeroDivisionError):
        keep("lost", 0)
    rows = client.registry.database.read(text("SELECT jti FROM token_blacklist"))
    assert "kept" in {row.jti for row in rows}
    assert "lost" not in {row.jti for row in rows}


@pytest.mark.parametrize("where", ["here", "nowhere"])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_it_helps_with_or_without_a_file(file, capsys, where, option):
    argv = ["-c", "test.ini"] if where == "here" else []
    assert ended(*argv, option) == 0
    out, err = capsys.readouterr()
    assert "usage: widget-service" in out
    assert ("say something" in out) == (where == "here")
    assert ("development.ini: no such file" in err) == (where == "nowhere")


def test_it_begins_a_plugin_without_a_file(file, tmp_path, capsys):
    assert ended("plugin", "new", "gizmos") == 0
    assert (tmp_path / "gizmos").is_dir()


def test_it_helps_with_a_command(file, capsys):
    assert ended("-c", "test.ini", "say", "--help") == 0
    out = capsys.readouterr().out
    assert "usage: widget-service say" in out
    assert "--config" not in out
    assert "say something" in out


@pytest.mark.processes
def test_it_ends_quietly_when_nobody_reads_on(tmp_path):
    file = ini_file("development.ini", tmp_path)
    process = subprocess.Popen(
        [SCRIPTS / "widget-service", "-c", file, "config", "show"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(PATIENCE) == 128 + signal.SIGPIPE


def test_it_lets_go_of_what_nobody_reads(file, monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        assert ended("-c", "test.ini", "say", "hello") == 128 + signal.SIGPIPE
        # What it has not written yet must not fail now.
        stdout.flush()


@pytest.mark.processes
def test_it_reads_the_arguments_of_its_process(tmp_path):
    ini_file("development.ini", tmp_path)
    done = run("widget-service", "config", "check", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("All settings are valid.")


@pytest.mark.processes
def test_it_is_one_database_for_alembic_and_the_service(tmp_path):
    file = ini_file("development.ini", tmp_path, ("%(here)s/alembic", "REPOSITORY/alembic"))
    file.write_text(
        file.read_text().replace("REPOSITORY", str(cli.__file__).partition("/widget_service/")[0])
    )
    url = {"WIDGET_SERVICE_SQLALCHEMY_URL": f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"}
    done = run("alembic", "-c", file, "upgrade", "heads", cwd=tmp_path, **url)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "development.sqlite").exists()
    done = run(
        "widget-service", "-c", file, "add-user", "a@example.com", cwd=tmp_path, text="x\n", **url
    )
    assert done.returncode == 0, done.stderr
    with contextlib.closing(sqlite3.connect(tmp_path / "elsewhere.sqlite")) as database:
        assert database.execute("SELECT email FROM site_user").fetchall() == [("a@example.com",)]
