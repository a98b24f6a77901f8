"""A client whose request is refused hears why, though it goes on to send the rest of it."""

import contextlib
import functools
import socket
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from processes import PATIENCE
from turns import wait_until

POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
# More than the system keeps for anybody.
LARGE = b"x" * 20_000_000


@pytest.fixture
def serve(serve):
    """A function that serves, looks after connections every second, and takes small bodies."""
    return functools.partial(
        serve, lambda _environ, _start: [], cleanup_interval="1", max_request_body_size="1000"
    )


@contextlib.contextmanager
def refused(made):
    """A client that has sent the beginning of what is too large, and its connection's channel."""
    with socket.create_connection(("127.0.0.1", made.port), PATIENCE) as client:
        client.sendall(POST % len(LARGE))
        (channel,) = wait_until(made.server._channels)  # noqa: SLF001  (nothing else shows it)
        wait_until(lambda: channel.lingers_until)
        yield client, channel


def later(seconds):
    return time_machine.travel(datetime.now(UTC) + timedelta(seconds=seconds))


def test_a_client_that_listens_when_it_has_sent_all_hears_it(serve):
    with socket.create_connection(("127.0.0.1", serve().port), PATIENCE) as client:
        client.sendall(POST % len(LARGE))
        client.sendall(LARGE)
        received = client.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 413 ")
    assert received.endswith(b'{"message":"Request Entity Too Large"}')


def test_it_has_no_body_for_a_client_that_wants_none(serve):
    with socket.create_connection(("127.0.0.1", serve().port), PATIENCE) as client:
        client.sendall(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n")
        head, end, body = client.makefile("rb").read().partition(b"\r\n\r\n")
    assert b" 400 Bad Request\r\n" in head
    assert (end, body) == (b"\r\n\r\n", b"")


def test_nothing_follows_and_its_end_is_the_end(serve):
    with refused(serve()) as (client, channel):
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 413 ")
        assert channel.connected
        client.shutdown(socket.SHUT_WR)
        wait_until(lambda: not channel.connected)


def test_it_may_not_go_on_for_ever(serve):
    with refused(serve(channel_timeout="3600")) as (client, channel):
        client.sendall(b"x")
        with later(31), contextlib.suppress(ConnectionError):
            client.sendall(b"x")
            wait_until(lambda: not channel.connected)
        assert not channel.connected


def test_it_may_not_stay_for_ever(serve):
    with refused(serve()) as (_client, channel), later(31):
        wait_until(lambda: not channel.connected)


def test_nobody_waits_for_it_at_the_end(serve, monkeypatch):
    with refused(serve()) as (_client, channel):
        # There is always more.
        monkeypatch.setattr(channel, "_has_received", lambda: True)
        assert channel.is_idle


def test_one_that_took_too_long_is_not_waited_for(serve):
    made = serve(request_seconds=1.0)
    with socket.create_connection(("127.0.0.1", made.port), PATIENCE) as client:
        client.sendall(POST[:20])
        (channel,) = wait_until(made.server._channels)  # noqa: SLF001  (nothing else shows it)
        wait_until(lambda: channel.request)
        with later(2):
            assert b" 408 Request Timeout\r\n" in client.makefile("rb").read()
            wait_until(lambda: not channel.connected)
        assert not channel.lingers_until
