"""Pyramid's scripts with the .ini files as they are delivered; servers in their own processes."""

import sqlite3
from contextlib import closing

import plaster_pastedeploy
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
from pyramid.scripts import proutes, ptweens, pviews

UNKNOWN = "/api/v1/nothing"


@pytest.fixture
def development(tmp_path):
    """A copy of development.ini, with a database beside it that nobody else uses."""
    return ini_file("development.ini", tmp_path)


@pytest.mark.parametrize(
    ("script", "arguments", "shown"),
    [
        (proutes, [], ["/api/v1/widgets/{name}", "/api/v1/auth/login", "put_widget__PUT"]),
        (pviews, ["/api/v1/widgets"], ["list_widgets", "required permission = widgets:create"]),
        (ptweens, [], ["widget_service.tweens.cors.tween_factory", "pyramid_tm.tm_tween_factory"]),
    ],
    ids=["proutes", "pviews", "ptweens"],
)
def test_it_shows_what_the_application_is_made_of(
    development, script, arguments, shown, monkeypatch, capsys
):
    # The logging of the file would be that of the tests from here on.
    monkeypatch.setattr(plaster_pastedeploy.Loader, "setup_logging", lambda *_args: None)
    assert not script.main([script.__name__, str(development), *arguments])
    written = capsys.readouterr().out
    assert [text for text in shown if text not in written] == []


@pytest.mark.processes
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


@pytest.mark.processes
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


@pytest.mark.processes
def test_it_refuses_a_broken_ini_file_in_words(tmp_path):
    changes = ("%(here)s/development", "%(here)s/no/such/folder/development")
    file = ini_file("development.ini", tmp_path, changes)
    done = run("pserve", file, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "sqlalchemy.url" in done.stderr
