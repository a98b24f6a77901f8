"""Dates as the contract has them, written as one writes them: strftime and the standard library."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime


def now() -> datetime:
    """The time to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def aware(moment: datetime) -> datetime:
    """SQLite keeps no time zone, PostgreSQL answers in the session's."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def clock(moment: datetime) -> str:
    """A point in time for people."""
    return moment.strftime("%m/%d/%y %I:%M:%S %p %Z")


def rfc822(moment: datetime) -> str:
    """A point in time as mail headers have it."""
    return format_datetime(moment)


def countdown(deadline: datetime) -> str:
    """What remains, in words."""
    remaining = deadline - now()
    if remaining.days < 0:
        return "No time remaining"
    minutes, seconds = divmod(remaining.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    words = f"{seconds} seconds"
    if remaining.days or hours or minutes:
        words = f"{minutes} minutes {words}"
    if remaining.days or hours:
        words = f"{hours} hours {words}"
    return f"{remaining.days} day(s) {words}" if remaining.days else words
