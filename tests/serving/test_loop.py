"""The loop of the server by itself: whom it asks and tells."""

import logging
import socket

import pytest
from waitress import wasyncore

from widget_service.serving.loop import Loop


class Half(wasyncore.dispatcher):
    """One half of a connection; it reads, and closes some others when it does."""

    def __init__(self, loop, closes=()):
        ours, self.theirs = socket.socketpair()
        super().__init__(ours, map=loop)
        self.connected = True
        self.closes = closes
        self.heard = []
        self.listens = True

    def writable(self):
        return False

    def readable(self):
        return self.listens

    def handle_read(self):
        self.heard.append(self.recv(100))
        for each in self.closes:
            each.close()


@pytest.fixture
def loop():
    made = Loop()
    yield made
    wasyncore.close_all(made)


def test_it_forgets_who_is_closed_before_it_was_ever_watched(loop):
    half = Half(loop)
    half.theirs.send(b"x")
    half.close()
    loop.turn(0, ())
    assert (half.heard, len(loop)) == ([], 0)
    half.theirs.close()


def test_it_is_not_busy_with_one_that_does_not_listen(loop):
    half = Half(loop)
    loop.turn(0, ())
    half.listens = False
    half.theirs.send(b"x")
    assert happens(loop)
    loop.turn(0, ())
    assert not happens(loop)
    assert not loop.is_deaf_to(half)
    half.listens = True
    assert loop.is_deaf_to(half)
    loop.ask(half)
    loop.turn(0, ())
    assert half.heard == [b"x"]
    half.theirs.close()


def happens(loop):
    """Would the loop not wait?"""
    return loop._selector.select(0) != []  # noqa: SLF001  (nothing else shows it)


def test_it_does_not_tell_one_that_another_has_just_closed(loop, caplog):
    caplog.set_level(logging.INFO)
    first = Half(loop)
    second = Half(loop, [first])
    first.closes = [second]
    for each in (first, second):
        each.theirs.send(b"x")
    loop.turn(0, ())
    # Both were ready; whichever was told of it has closed the other.
    assert sorted(map(len, (first.heard, second.heard))) == [0, 1]
    assert "exception" not in caplog.text
    for each in (first, second):
        each.theirs.close()


def test_one_that_cannot_be_watched_is_closed(loop, caplog):
    half, other = Half(loop), Half(loop)
    half.socket.close()
    loop.turn(0, ())
    assert "exception" in caplog.text
    assert [*loop.values()] == [other]
    for each in (half, other):
        each.theirs.close()
