"""Log lines: each is one line, whatever it is about, and machines can read it."""

from __future__ import annotations

import logging
import math
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from pyramid.threadlocal import get_current_request

from widget_service.rendering import dump_json

# What every record has; the rest was given as extra=.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

# How much a line shows of a text that anybody may choose, in characters.
MOST_SHOWN = 200
# How much a library may log of one, with what it has to say itself.
MOST_LOGGED = 2000

# Anybody may send the header.
ID = re.compile(r"[!-~]{1,128}")


CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def quote_controls(record: logging.LogRecord) -> bool:
    """A filter that changes records: no client's path makes two lines of one, colours or fills it.

    For the loggers of libraries that log what clients sent.
    """
    message = _message(record)
    if len(message) > MOST_LOGGED or CONTROLS.search(message):
        message = cut(message, MOST_LOGGED)
        record.msg = CONTROLS.sub(lambda found: repr(found[0])[1:-1], message)
        record.args = ()
    return True


class JSONFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the traceback if there is one.

    Of a request that has an X-Request-ID its lines have it too, as ``request_id``.

    What was logged with ``extra=`` comes under its own names. No value of a record is too odd: a
    log line must not be lost because of what it is about.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        extra = {k: _plain(v) for k, v in vars(record).items() if k not in _STANDARD}
        line = {
            **extra,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        request_id = _request_id()
        if request_id is not None:
            line.setdefault("request_id", request_id)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return dump_json(line).decode("utf-8")


def cut(text: str, most: int = MOST_SHOWN) -> str:
    """A text for a log line, cut where it is long: whoever sends much must not fill the disk."""
    return text if len(text) <= most else f"{text[:most]}..."


def quoted(text: str) -> str:
    """What a client chose of a request line, for one line of the log: it may have a line break."""
    # Cut before as well: of what is long all the rest would be quoted for nothing.
    return cut(quote(text[: MOST_SHOWN + 1], encoding="latin-1"))


def _request_id() -> str | None:
    """The X-Request-ID of the request that this thread answers, as a proxy gives it."""
    environ = getattr(get_current_request(), "environ", {})
    found = ID.fullmatch(environ.get("HTTP_X_REQUEST_ID", ""))
    return found[0] if found else None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  (an argument's __str__ may raise anything)
        return f"{_plain(record.msg)} {_plain(record.args)}"


def _plain(value: Any) -> Any:
    """``value`` where JSON has it, and its text where not."""
    if isinstance(value, str | int | None) or (isinstance(value, float) and math.isfinite(value)):
        return value
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  (as above)
        return object.__repr__(value)
