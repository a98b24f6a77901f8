"""JSON out, and the formats of dates: the one place that makes text of values."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock_time
from typing import Any
from uuid import UUID

import orjson
from pyramid.response import Response

# Not strftime and email.utils for dates: they are slow, five dates a widget, and %p and %b say
# what the locale of the process wants.
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOON = 12
MINUTE, HOUR = 60, 3600
# To look two digits up is four times as fast as to format them.
TWO = tuple(f"{number:02}" for number in range(100))

JSON = ("Content-Type", "application/json")
NO_CONTENT = "204"
OF_THE_BODY = ("content-type", "content-length", "content-md5")


def dump_json(value: Any) -> bytes:
    """``value`` as JSON in UTF-8; moments are in ISO 8601, UUIDs are texts.

    A lone surrogate, which UTF-8 cannot hold, becomes ``?``.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        text = json.dumps(value, ensure_ascii=False, default=_as_text)
        return text.encode("utf-8", "replace")


def _as_text(value: Any) -> str:
    """As orjson writes it.

    :raises TypeError: it does not
    """
    if isinstance(value, date | clock_time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    # Not the value: it would be in the log.
    raise TypeError(f"JSON has no {type(value).__name__}: a view makes a text or a number of it")


def json_response(request: Any, value: Any) -> Response:
    """The response of a request whose view made ``value``: JSON, whatever the client accepts."""
    response: Response = request.response
    if response.status.startswith(NO_CONTENT):
        response.content_type = None
        return response
    body = dump_json(value)
    response.app_iter = [body]
    # All at once: WebOb looks through the headers for each that it is to set.
    kept = [each for each in response.headerlist if each[0].lower() not in OF_THE_BODY]
    response.headerlist[:] = [*kept, JSON, ("Content-Length", str(len(body)))]
    return response


class JSONRenderer:
    """The same for views that are no service's."""

    def __init__(self, _info: Any) -> None:
        """Pyramid passes what it knows of the view; it makes no difference here."""

    def __call__(self, value: Any, system: Any) -> bytes:
        """The body, and its type on the response."""
        body: bytes = json_response(system["request"], value).body
        return body


def clock(moment: datetime, zone: tzinfo = UTC) -> str:
    """A point in time for people, in ``%m/%d/%y %I:%M:%S %p %Z``.

    >>> clock(datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC))
    '11/23/26 03:04:05 PM UTC'
    """
    there = moment if moment.tzinfo is zone else moment.astimezone(zone)
    hour = there.hour
    return (
        f"{TWO[there.month]}/{TWO[there.day]}/{TWO[there.year % 100]} "
        f"{TWO[hour % NOON or NOON]}:{TWO[there.minute]}:{TWO[there.second]} "
        f"{'AM' if hour < NOON else 'PM'} {there.tzname()}"
    )


def rfc822(moment: datetime, zone: tzinfo = UTC) -> str:
    """A point in time as mail headers have it (RFC 5322, 3.3).

    >>> rfc822(datetime(2026, 11, 23, 15, 4, 5, tzinfo=UTC))
    'Mon, 23 Nov 2026 15:04:05 +0000'
    """
    there = moment if moment.tzinfo is zone else moment.astimezone(zone)
    # strftime has no word of any language for %z.
    offset = "+0000" if zone is UTC else there.strftime("%z")
    century, year = divmod(there.year, 100)
    return (
        f"{DAYS[there.weekday()]}, {TWO[there.day]} {MONTHS[there.month - 1]} "
        f"{TWO[century]}{TWO[year]} "
        f"{TWO[there.hour]}:{TWO[there.minute]}:{TWO[there.second]} {offset}"
    )


def short_date(day: date) -> str:
    """A date for people, in ``%b %d %Y``.

    >>> short_date(date(2026, 11, 3))
    'Nov 03 2026'
    """
    return f"{MONTHS[day.month - 1]} {day.day:02} {day.year:04}"


def iso8601(moment: datetime, zone: tzinfo = UTC) -> datetime | str:
    """A point in time for JSON: in ISO 8601, with its offset."""
    there = moment if moment.tzinfo is zone else moment.astimezone(zone)
    # orjson writes it sooner, but rounds offsets that have seconds, as some of old have.
    return there if zone is UTC else there.isoformat()


def countdown(span: timedelta) -> str:
    """What remains, in words; the units that have passed are left out.

    >>> countdown(timedelta(days=2, hours=3))
    '2 day(s) 3 hours 0 minutes 0 seconds'
    >>> countdown(timedelta(seconds=61))
    '1 minutes 1 seconds'
    """
    days, left = span.days, span.seconds
    if days < 0:
        return "No time remaining"
    minutes, seconds = left // MINUTE, left % MINUTE
    if days:
        hours, minutes = minutes // MINUTE, minutes % MINUTE
        return f"{days} day(s) {hours} hours {minutes} minutes {seconds} seconds"
    if left >= HOUR:
        return f"{minutes // MINUTE} hours {minutes % MINUTE} minutes {seconds} seconds"
    return f"{minutes} minutes {seconds} seconds" if minutes else f"{seconds} seconds"


def digital(span: timedelta) -> str:
    """What remains, as a digital clock shows it.

    >>> digital(timedelta(minutes=15)), digital(timedelta(days=1, seconds=1))
    ('00:15:00', '1 day, 00:00:01')
    """
    days, left = span.days, span.seconds
    day = "" if not days else "1 day, " if days == 1 else f"{days} days, "
    return f"{day}{TWO[left // HOUR]}:{TWO[left // MINUTE % 60]}:{TWO[left % MINUTE]}"


def includeme(config: Any) -> None:
    """The renderer."""
    config.add_renderer("json", JSONRenderer)
