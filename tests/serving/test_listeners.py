"""Clients that do not play along: each loses its connection, and nobody else notices."""

import errno
import functools
import logging
import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from processes import PATIENCE
from turns import wait_until
from waitress import wasyncore

from widget_service.serving import listeners

LARGE = b"x" * 5_000_000
GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n"
LATER = timedelta(minutes=2)


@pytest.fixture
def serve(serve):
    """A function that serves an application, and looks after connections every second."""
    return functools.partial(serve, cleanup_interval="1")


def application(environ, start_response):
    """Answers with much, or with the path."""
    path = environ["PATH_INFO"]
    body = LARGE if path == "/large" else path.encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def everything(client):
    received = b""
    while data := client.recv(2**20):
        received += data
    return received


def channel_of(made):
    return wait_until(made.server._channels)[0]  # noqa: SLF001  (nothing else shows it)


def in_two_minutes():
    return time_machine.travel(datetime.now(UTC) + LATER)


def as_minutes_pass(condition):
    """Wait for it while time goes on, again and again: what was being sent when it first did counts
    as something that happened then.
    """
    with in_two_minutes() as clock:
        wait_until(lambda: condition() or clock.shift(LATER))


def connect(made):
    return socket.create_connection(("127.0.0.1", made.port), PATIENCE)


def test_it_answers_the_next_request_when_the_client_has_listened(serve):
    asked = []

    def counting(environ, start_response):
        asked.append(environ["PATH_INFO"])
        return application(environ, start_response)

    made = serve(counting)
    with connect(made) as client:
        # More than the server reads at once.
        client.sendall(10 * (GET % b"/large" + b"X: " + b"x" * 1000 + b"\r\n\r\n"))
        client.sendall(GET % b"/last" + b"Connection: close\r\n\r\n")
        wait_until(lambda: channel_of(made).is_held)
        assert asked == ["/large"]
        received = everything(client)
    assert received.count(b"HTTP/1.1 200 OK") == 11
    assert received.count(b"x" * len(LARGE)) == 10
    assert received.endswith(b"/last")


def test_it_ends_a_connection_whose_requests_are_held(serve):
    made = serve(application)
    with connect(made) as client:
        client.sendall(3 * (GET % b"/large" + b"\r\n"))
        channel = channel_of(made)
        wait_until(lambda: channel.is_held)
        as_minutes_pass(lambda: not channel.connected)
    with made.connect() as other:
        other.request("GET", "/other")
        assert other.getresponse().read() == b"/other"


def test_nobody_keeps_a_thread_by_not_listening(serve):
    begun, ended = threading.Event(), threading.Event()

    def endless(_environ, start_response):
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            while True:
                write(LARGE)
                begun.set()
        finally:
            ended.set()

    made = serve(endless)
    with connect(made) as client:
        client.sendall(GET % b"/" + b"\r\n")
        assert begun.wait(PATIENCE)
        channel = channel_of(made)
        wait_until(lambda: channel.total_outbufs_len > channel.adj.outbuf_high_watermark)
        as_minutes_pass(ended.is_set)


def test_it_answers_408_to_a_request_that_takes_long_to_arrive(serve):
    made = serve(application, channel_timeout="3600")
    with connect(made) as client:
        client.sendall(GET % b"/")
        wait_until(lambda: channel_of(made).request)
        with in_two_minutes():
            received = everything(client)
    assert b" 408 Request Timeout\r\n" in received
    assert received.endswith(b'{"message":"Request Timeout"}')


def test_it_answers_408_to_who_falls_silent_in_the_middle(serve):
    made = serve(application)
    with connect(made) as client:
        client.sendall(GET % b"/")
        wait_until(lambda: channel_of(made).request)
        with in_two_minutes():
            assert b" 408 Request Timeout\r\n" in everything(client)


def test_it_gives_a_request_behind_a_slow_one_time_to_arrive(serve):
    gate, begun = threading.Event(), threading.Event()

    def waits(environ, start_response):
        begun.set()
        assert gate.wait(PATIENCE)
        return application(environ, start_response)

    made = serve(waits, channel_timeout="3600")
    with connect(made) as client:
        client.sendall(GET % b"/first" + b"\r\n" + GET % b"/second")
        assert begun.wait(PATIENCE)
        channel = channel_of(made)
        wait_until(lambda: channel.request)
        with in_two_minutes():
            listeners._hang_up(made.server._listeners[0], 60, time.time())  # noqa: SLF001
            gate.set()
            wait_until(lambda: not channel.requests)
            wait_until(lambda: made.server.workers.is_idle)
            listeners._hang_up(made.server._listeners[0], 60, time.time())  # noqa: SLF001
            client.sendall(b"Connection: close\r\n\r\n")
            received = everything(client)
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert received.endswith(b"/second")


def test_it_answers_what_came_before_a_request_that_takes_long_to_arrive(serve):
    gate = threading.Event()

    def waits(environ, start_response):
        assert gate.wait(PATIENCE)
        return application(environ, start_response)

    made = serve(waits, channel_timeout="3600")
    with connect(made) as client:
        client.sendall(GET % b"/first" + b"\r\n" + GET % b"/second")
        wait_until(lambda: channel_of(made).request)
        gate.set()
        wait_until(lambda: not channel_of(made).requests)
        with in_two_minutes():
            received = everything(client)
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.index(b"/first") < received.index(b" 408 Request Timeout\r\n")


def test_it_waits_where_there_is_no_file_for_a_connection(serve, monkeypatch, caplog):
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(listeners, "FULL_SECONDS", 0.0)
    accept = wasyncore.dispatcher.accept
    full = [OSError(errno.EMFILE, "Too many open files")] * 3

    def accepts(listener):
        if full:
            raise full.pop()
        return accept(listener)

    monkeypatch.setattr(wasyncore.dispatcher, "accept", accepts)
    made = serve(application, asyncore_loop_timeout="1")
    with connect(made) as client:
        client.sendall(GET % b"/in" + b"Connection: close\r\n\r\n")
        assert everything(client).endswith(b"/in")
    assert [record.getMessage() for record in caplog.records] == [
        "nobody else can connect: Too many open files"
    ]


def test_it_does_not_try_again_at_once_where_there_is_no_file(serve, monkeypatch):
    full = OSError(errno.ENFILE, "Too many open files in system")
    monkeypatch.setattr(wasyncore.dispatcher, "accept", lambda _listener: raising(full))
    (listener,) = serve(application).server._listeners  # noqa: SLF001  (nothing else shows it)
    assert listener.readable()
    assert listener.accept() is None
    assert not listener.readable()


def test_it_lets_others_in_after_one_that_could_not_be(serve, monkeypatch, caplog):
    accept = wasyncore.dispatcher.accept
    odd = [OSError(errno.EAFNOSUPPORT, "odd")]
    monkeypatch.setattr(
        wasyncore.dispatcher, "accept", lambda each: accept(each) if not odd else raising(odd.pop())
    )
    made = serve(application)
    with connect(made) as client:
        client.sendall(GET % b"/in" + b"Connection: close\r\n\r\n")
        assert everything(client).endswith(b"/in")
    assert "accept() threw" in caplog.text


def raising(error):
    raise error


@pytest.mark.parametrize("path", [b"/a", b"//a", b"///a/", b"/%2fa"])
def test_a_path_is_what_a_proxy_sees(serve, path):
    with connect(serve(application)) as client:
        client.sendall(GET % path + b"Connection: close\r\n\r\n")
        assert everything(client).endswith(b"\r\n\r\n" + path.replace(b"%2f", b"/"))
