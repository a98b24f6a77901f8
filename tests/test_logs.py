"""Log lines that machines read: one JSON object a line, whatever is logged."""

import io
import json
import logging
import sys
from datetime import UTC, datetime

import pytest
from pyramid import testing
from pyramid.request import Request

from widget_service.logs import MOST_LOGGED, MOST_SHOWN, JSONFormatter, cut, quote_controls, quoted


class Unspeakable:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.fixture
def logged():
    """Log something, and get what the line says."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    # What a handler cannot format it reports there, and the line is lost.
    handler.handleError = lambda _record: pytest.fail(str(sys.exc_info()))
    # Apart from all others: pytest's handlers raise what they cannot format.
    log = logging.Logger("some.module")  # noqa: LOG001
    log.addHandler(handler)

    def note(*args, **kw):
        log.error(*args, **kw)
        (line,) = stream.getvalue().splitlines()
        return json.loads(line)

    return note


def test_it_says_when_where_and_what(logged, time_machine):
    time_machine.move_to(datetime(2026, 11, 23, 15, 4, 5, 678000, tzinfo=UTC), tick=False)
    assert logged("%s of %d", "one", 2) == {
        "time": "2026-11-23T15:04:05.678+00:00",
        "level": "ERROR",
        "logger": "some.module",
        "message": "one of 2",
    }


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-ID": "7b2c-1"}, "7b2c-1"),
        ({}, None),
        ({"X-Request-ID": ""}, None),
        ({"X-Request-ID": "x" * 129}, None),
        ({"X-Request-ID": "a b"}, None),
        ({"X-Request-ID": "caf\xe9"}, None),
    ],
)
def test_it_says_which_request_a_line_is_of(logged, headers, expected):
    with testing.testConfig(request=Request.blank("/", headers=headers)):
        assert logged("said").get("request_id") == expected


def test_it_keeps_the_number_that_a_plugin_gives(logged):
    with testing.testConfig(request=Request.blank("/", headers={"X-Request-ID": "other"})):
        assert logged("said", extra={"request_id": 7})["request_id"] == 7


def test_it_keeps_a_traceback_in_the_line(logged):
    try:
        int("first\nsecond")
    except ValueError:
        line = logged("failed\nbadly", exc_info=True)
    assert line["message"] == "failed\nbadly"
    assert line["traceback"].startswith("Traceback")
    assert (
        r"ValueError: invalid literal for int() with base 10: 'first\nsecond'" in line["traceback"]
    )


def test_it_keeps_a_stack_in_the_line(logged):
    assert "test_it_keeps_a_stack" in logged("here", stack_info=True)["stack"]


def test_it_survives_an_exception_that_cannot_be_shown(logged):
    error = RuntimeError(Unspeakable())
    assert "RuntimeError" in logged("failed", exc_info=error)["traceback"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        (1, 1),
        (2**70, 2**70),
        (1.5, 1.5),
        (None, None),
        (True, True),
        (float("nan"), "nan"),
        ([1, "a"], "[1, 'a']"),
        (b"\xff", r"b'\xff'"),
        ("caf\ud800", "caf?"),
    ],
)
def test_it_keeps_what_was_given_beside_the_message(logged, value, shown):
    assert logged("here", extra={"what": value})["what"] == shown


def test_it_does_not_let_extras_hide_the_message(logged):
    assert logged("here", extra={"level": "none", "time": "never"})["level"] == "ERROR"


@pytest.mark.parametrize(
    ("message", "args"),
    [
        (Unspeakable(), ()),
        ("%s", (Unspeakable(),)),
        ("%d", ("no number",)),
        ("too %s %s", ("few",)),
        ("none", ("too many",)),
        ("\ud800 %s", ("\udfff",)),
    ],
)
def test_it_loses_no_line_to_an_odd_message(logged, message, args):
    assert logged(message, *args)["message"]


def test_it_loses_no_line_to_an_odd_extra(logged):
    assert "Unspeakable object" in logged("here", extra={"what": Unspeakable()})["what"]


@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        ("for %s", ("/a\n2026 INFO \x1b[31mred",), r"for /a\n2026 INFO \x1b[31mred"),
        ("for %s", ("/caf\xe9\x85",), "for /caf\xe9" + r"\x85"),
        ("for %s", ("/a",), "for /a"),
        ("a" * MOST_LOGGED, (), "a" * MOST_LOGGED),
        ("%s", ("a" * (MOST_LOGGED + 1),), "a" * MOST_LOGGED + "..."),
    ],
)
def test_what_a_client_sent_makes_no_line_of_its_own(caplog, message, args, shown):
    logger = logging.getLogger("test.quoting")
    logger.addFilter(quote_controls)
    try:
        logger.warning(message, *args)
    finally:
        logger.removeFilter(quote_controls)
    assert caplog.messages == [shown]


@pytest.mark.parametrize("length", [0, 1, MOST_SHOWN])
def test_it_shows_what_is_not_long(length):
    assert cut("a" * length) == quoted("a" * length) == "a" * length


@pytest.mark.parametrize("shown", [cut, quoted])
def test_it_cuts_what_is_long(shown):
    assert shown("a" * (MOST_SHOWN + 1)) == f"{'a' * MOST_SHOWN}..."


@pytest.mark.parametrize("text", ['"' * 64_000, "\xc3\xa9" * 150, "\n" * 67])
def test_it_cuts_what_is_long_once_it_is_quoted(text):
    assert len(quoted(text)) == MOST_SHOWN + 3


def test_it_quotes_what_a_request_line_may_have():
    assert quoted("/a\nb\xc3\xa9") == "/a%0Ab%C3%A9"
