"""Pyramid's scripts with the .ini files as they are delivered, each in a process of its own."""

import sqlite3
from contextlib import closing

import pytest
from processes import (
    PATIENCE,
    ask,
    free_port,
    ini_file,
    listens,
    pause,
    run,
    serving,
    wait_for_port,
)

UNKNOWN = "/api/v1/nothing"


@pytest.fixture
def development(tmp_path):
    """A copy of development.ini, with a database beside it that nobody else uses."""
    return ini_file("development.ini", tmp_path)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["proutes"], ["/api/v1/widgets/{name}", "/api/v1/auth/login", "put_widget__PUT"]),
        (["pviews", "/api/v1/widgets"], ["list_widgets", "required permission = widgets:create"]),
        (["ptweens"], ["widget_service.cors.tween_factory", "pyramid_tm.tm_tween_factory"]),
    ],
    ids=["proutes", "pviews", "ptweens"],
)
def test_it_shows_what_the_application_is_made_of(development, command, shown):
    script, *arguments = command
    done = run(script, development, *arguments, cwd=development.parent)
    assert done.returncode == 0, done.stderr
    assert [text for text in shown if text not in done.stdout] == []


def test_it_offers_a_session_in_pshell_whose_changes_do_not_stay(development):
    typed = """
from widget_service.auth.accounts import register
register(dbsession, "user@example.com", "no hash") and None
from widget_service.auth.models import User
print(f"{dbsession.query(User).count()} user(s)")
"""
    done = run("pshell", "-p", "python", development, cwd=development.parent, text=typed)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "1 user(s)" in done.stdout
    with closing(sqlite3.connect(development.with_suffix(".sqlite"))) as database:
        assert database.execute("SELECT count(*) FROM site_user").fetchone() == (0,)


def test_it_answers_until_it_is_told_to_stop(tmp_path):
    port = free_port()
    development = ini_file("development.ini", tmp_path, port=port)
    with serving("pserve", development, cwd=tmp_path, port=port) as server:
        status, headers, body = ask(port, "GET", UNKNOWN)
        assert (status, list(body)) == (404, ["message"])
        # Whoever asks need not know what answers.
        assert "Server" not in headers
        server.process.terminate()
        server.process.wait(PATIENCE)
        assert "Traceback" not in server.stderr.read_text()


def test_it_starts_again_when_a_file_changes(tmp_path):
    port = free_port()
    development = ini_file("development.ini", tmp_path, port=port)
    with serving("pserve", "--reload", development, cwd=tmp_path, port=port) as server:
        other = free_port()
        # It looks at the files once in a second, and may not have had its first look yet: so
        # they are changed until it acts.
        while listens(port):
            ini_file("development.ini", tmp_path, port=other)
            pause(server.process, server.stderr)
        wait_for_port(server.process, other, server.stderr)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            [("jwt.expiration = 900", "jwt.expiration = soon"), ("-that-everybody-can-read", "")],
            ["jwt.expiration", "jwt.private_key"],
        ),
        ([("%(here)s/development", "%(here)s/no/such/folder/development")], ["sqlalchemy.url"]),
    ],
    ids=["two at once", "no folder"],
)
def test_it_refuses_a_broken_ini_file_in_words(tmp_path, changes, named):
    file = ini_file("development.ini", tmp_path, *changes)
    done = run("pserve", file, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert [key for key in named if key not in done.stderr] == []
