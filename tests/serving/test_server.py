"""The server, in processes of its own: limits, its own refusals, and the end that it comes to."""

import contextlib
import errno
import gc
import http.client
import json
import logging
import os
import signal
import socket
import threading

import pytest
from core import core_ini
from processes import PATIENCE, free_port, listens, pause, run, serving
from running import Running
from sqlalchemy import text
from waitress import wasyncore

from widget_service import logs
from widget_service.serving import DRAINING, listeners
from widget_service.serving import server as module
from widget_service.serving.server import server_factory
from widget_service.testing import application as service

# An application that answers /slow when somebody opens the pipe beside it for writing.
SLOW = """
import os
from pathlib import Path

HERE = Path(__file__).parent

def main(_global_config):
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/slow":
            with (HERE / "begun").open("ab", buffering=0) as begun:
                begun.write(b".")
            (HERE / "gate").read_bytes()
        body = str(environ.get("widget_service.draining")).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    return application
"""
INI = """
[app:main]
use = call:slow:main

[server:main]
use = egg:widget_service#server
listen = 127.0.0.1:{port}
threads = 8
{more}

[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys =
[logger_root]
level = INFO
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
"""
CLOSE, KEEP = "close", None


@contextlib.contextmanager
def slow_service(directory, more=""):
    """A process that serves SLOW."""
    (directory / "slow.py").write_text(SLOW, encoding="utf-8")
    os.mkfifo(directory / "gate")
    port = free_port()
    ini = directory / "slow.ini"
    ini.write_text(INI.format(port=port, more=more), encoding="utf-8")
    with serving("pserve", "-q", ini, cwd=directory, port=port, PYTHONPATH=str(directory)) as made:
        yield made


def connect(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)


def begin(server, directory, count):
    """As many slow requests, which have reached the application."""
    connections = [connect(server.port) for _each in range(count)]
    for connection in connections:
        connection.request("GET", "/slow")
    begun = directory / "begun"
    while not (begun.exists() and begun.stat().st_size == count):
        pause(server.process, server.stderr)
    return connections


def open_gate(directory):
    with (directory / "gate").open("wb"):
        pass


def refuses(server):
    """Wait until nobody listens any more."""
    while listens(server.port):
        pause(server.process, server.stderr)


def answer(connection):
    with contextlib.closing(connection):
        return read(connection)


def read(connection):
    """Status, what the connection does next, and the body."""
    response = connection.getresponse()
    return response.status, response.headers["Connection"], response.read()


def ask(connection):
    connection.request("GET", "/quick")
    return read(connection)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_finishes_what_was_begun_and_refuses_what_is_new(tmp_path, number):
    with slow_service(tmp_path) as server:
        connections = begin(server, tmp_path, 8)
        # There are no more threads than that: it waits for its turn.
        queued = connect(server.port)
        queued.request("GET", "/quick")
        server.process.send_signal(number)
        refuses(server)
        open_gate(tmp_path)
        answers = [answer(each) for each in (*connections, queued)]
        assert answers == [(200, CLOSE, b"None")] * 8 + [(200, CLOSE, b"True")]
        assert server.process.wait(PATIENCE) == 0
        assert "every request is answered" in server.stderr.read_text()


def test_it_ends_a_connection_on_which_nothing_is_asked():
    made = Running(application)
    with contextlib.closing(connect(made.port)) as idle:
        assert ask(idle) == (200, KEEP, b"None")
        made.end()
        assert idle.sock.recv(1) == b""


def test_it_answers_a_kept_connection_once_more():
    made = Running(application)
    with contextlib.closing(connect(made.port)) as kept:
        assert ask(kept) == (200, KEEP, b"None")
        made.server.stop()
        assert ask(kept) == (200, CLOSE, b"True")
    made.end()


def test_it_keeps_a_busy_connection_when_it_ends_idle_ones():
    begun, gate = threading.Event(), threading.Event()
    made = Running(waiting(begun, gate))
    with (
        contextlib.closing(connect(made.port)) as idle,
        contextlib.closing(connect(made.port)) as busy,
    ):
        idle.connect()
        busy.request("GET", "/")
        assert begun.wait(PATIENCE)
        made.server.stop()
        assert idle.sock.recv(1) == b""
        gate.set()
        assert read(busy) == (200, CLOSE, b"None")
    made.end()


def test_it_gives_notice_before_it_refuses(tmp_path):
    with slow_service(tmp_path, "notice_seconds = 3600") as server:
        assert answer_to(server.port) == (200, KEEP, b"None")
        server.process.terminate()
        while answer_to(server.port) == (200, KEEP, b"None"):
            pause(server.process, server.stderr)
        assert answer_to(server.port) == (200, CLOSE, b"True")
        # The second time it does not wait.
        server.process.terminate()
        assert server.process.wait(PATIENCE) == -signal.SIGTERM


def answer_to(port):
    with contextlib.closing(connect(port)) as connection:
        return ask(connection)


def test_it_ends_in_time_whatever_is_unfinished(tmp_path):
    with slow_service(tmp_path, "drain_seconds = 0") as server:
        connection = begin(server, tmp_path, 1)[0]
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0
        assert "1 connection(s) cut off" in server.stderr.read_text()
        connection.close()


def test_it_waits_for_a_client_that_is_gone(tmp_path):
    # What the request writes is written, or not: never half of it.
    with slow_service(tmp_path) as server:
        begin(server, tmp_path, 1)[0].close()
        server.process.terminate()
        refuses(server)
        open_gate(tmp_path)
        assert server.process.wait(PATIENCE) == 0
        assert "every request is answered" in server.stderr.read_text()


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000, 431, "Request Header Fields Too Large"),
        (b"GET / HTTP/1.1\r\n X\r\n\r\n", 400, "Bad Request"),
        # Waitress would take minutes to find out.
        (b"GET a://" + b"1" * 60_000 + b" x HTTP/1.1\r\n\r\n", 400, "Bad Request"),
        (b"GET / HTTP/1.1\r\nX:" + b" " * 60_000 + b"a\r\n\r\n", 400, "Bad Request"),
        (b"GET / HTTP/1.1\r\nX:" + b"\r\n " * 20_000 + b"a\r\n\r\n", 400, "Bad Request"),
        (b"POST / HTTP/1.1\r\nContent-Length: 2000000000\r\n\r\n", 413, "Request Entity Too Large"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400, "Bad Request"),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "Bad Request"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400, "Bad Request"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: ,\r\n\r\n", 400, "Bad Request"),
        (b"GET / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, "Bad Request"),
        (
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: x\r\n\r\n",
            400,
            "Bad Request",
        ),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            400,
            "Bad Request",
        ),
    ],
    ids=[
        "header",
        "broken",
        "two targets",
        "blanks",
        "lines of blanks",
        "body",
        "encoding",
        "chunks of old",
        "chunks of chunks",
        "nothing",
        "digits",
        "kept",
        "two lengths",
    ],
)
def test_it_refuses_in_json(running, sent, status, message):
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        client.sendall(sent)
        response = http.client.HTTPResponse(client)
        response.begin()
        found = response.status, response.headers["Content-Type"], json.loads(response.read())
    assert found == (status, "application/json", {"message": message})
    assert response.headers.get_all("Connection") == [CLOSE]
    assert "Server" not in response.headers
    # As whatever the application answers.
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def application(environ, start_response):
    body = str(environ.get(DRAINING)).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def waiting(begun, gate):
    """An application that answers when the gate is open."""

    def waits(environ, start_response):
        begun.set()
        gate.wait(PATIENCE)
        return application(environ, start_response)

    return waits


@pytest.fixture
def running():
    made = Running(application)
    yield made
    made.end()


def test_it_answers_whom_the_system_has_let_in():
    made = Running(application)
    # The loop is not told of this client before it is told to stop.
    made.server.drain.begun = True
    with contextlib.closing(connect(made.port)) as client:
        client.request("GET", "/")
        made.end()
        assert client.getresponse().read() in {b"None", b"True"}


@pytest.fixture
def late(monkeypatch):
    """A function that says how a client fares that connects at the very moment when the server of
    that port closes its listening socket.
    """
    close = wasyncore.dispatcher.close

    def end(made):
        fared = []

        def closing(listener):
            if listener.accepting:
                with socket.socket() as client:
                    client.settimeout(0.2)
                    fared.append(client.connect_ex(("127.0.0.1", made.port)))
            close(listener)

        monkeypatch.setattr(wasyncore.dispatcher, "close", closing)
        made.end()
        return fared

    return end


def test_it_has_nobody_connect_whom_it_does_not_let_in(late):
    assert late(Running(application)) == [errno.EAGAIN]


def test_it_ends_where_the_system_cannot_help_it(late, monkeypatch):
    monkeypatch.setattr(listeners, "SO_ATTACH_FILTER", -1)
    assert late(Running(application)) == [0]


def test_the_loop_is_there_for_as_long_as_somebody_wakes_it():
    made = Running(application)
    ended, shutdown = threading.Event(), made.server.workers.shutdown
    made.server.workers.shutdown = lambda: (shutdown(), ended.set())
    trigger = made.server._listeners[0].trigger  # noqa: SLF001  (what is waked with)
    wake = trigger.pull_trigger
    # Something else wakes it in between, as a client may.
    trigger.pull_trigger = lambda: (wake(), ended.wait(PATIENCE), wake())
    made.end()
    assert ended.is_set()


def test_it_leaves_unfinished_requests_alone_when_time_is_up(caplog):
    begun, gate = threading.Event(), threading.Event()
    made = Running(waiting(begun, gate), drain_seconds=0.0)
    with contextlib.closing(connect(made.port)) as client:
        client.request("GET", "/")
        assert begun.wait(PATIENCE)
        made.end()
    assert "1 connection(s) cut off unanswered" in caplog.text
    gate.set()
    made.server.workers.shutdown()
    wasyncore.close_all(made.server._loop)  # noqa: SLF001  (the process does it otherwise)


@pytest.mark.parametrize("number", module.ENDS)
def test_it_serves_until_a_signal_comes(number):
    serve_until(number, application)


def test_it_leaves_sqlite_one_file(tmp_path):
    app = service(core_ini(tmp_path, "plugins.echo"), tmp_path)
    with app.registry.database.write_engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (id int)"))
    assert (tmp_path / "core.sqlite-wal").exists()
    serve_until(signal.SIGTERM, app)
    assert not (tmp_path / "core.sqlite-wal").exists()


def serve_until(number, app):
    """Serve an application until that signal comes, which is at once."""
    handlers = {each: signal.getsignal(each) for each in module.ENDS}
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    before = signal.getsignal(number)
    port = free_port()

    def interrupt():
        # It listens a moment before it takes signals, of which one would end this process then.
        while not listens(port) or signal.getsignal(number) == before:
            pass
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        server_factory({}, listen=f"127.0.0.1:{port}")(app)
        # A second one would end the process.
        assert {signal.getsignal(each) for each in module.ENDS} == {signal.SIG_DFL}
        assert logs.quote_controls in logging.getLogger("waitress").filters
        # What was there when it began was not looked through for garbage.
        assert gc.get_freeze_count()
    finally:
        gc.unfreeze()
        thread.join()
        for each, handler in handlers.items():
            signal.signal(each, handler)


def test_it_goes_on_without_a_terminal_where_it_was_begun_with_nohup():
    handlers = {each: signal.getsignal(each) for each in module.ENDS}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        module._take_signals(lambda: None)  # noqa: SLF001  (without a server)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not handlers[signal.SIGTERM]
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)


@pytest.mark.parametrize("quiet", [[], ["-q"]])
def test_it_says_that_somebody_else_listens_there(running, tmp_path, quiet):
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    ini = tmp_path / "slow.ini"
    ini.write_text(INI.format(port=running.port, more=""), encoding="utf-8")
    done = run("pserve", *quiet, ini, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    said = f"the server cannot start: nobody can listen on 127.0.0.1:{running.port}: Address"
    assert said in done.stderr
    assert (done.returncode, done.stdout) == (1, "")
