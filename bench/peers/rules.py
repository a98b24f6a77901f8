"""What every peer is told by its environment, and the rules of a widget's fields."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, time

from dateutil import parser

PREFIX = "/api/v1"
LIFETIME = 3600
PAGE_SIZES = (5, 10, 25, 50, 100)
NAME = re.compile(r"[a-z0-9_-]{1,100}")
PRAGMAS = ("busy_timeout = 5000", "synchronous = FULL", "foreign_keys = ON")


def database() -> str:
    """The URL of the database, as SQLAlchemy writes it."""
    return os.environ["BENCH_DATABASE"]


def key() -> str:
    """What signs tokens."""
    return os.environ["BENCH_KEY"]


def parse_deadline(text: str) -> datetime:
    """The end of the day that a text names.

    :raises ValueError: no date, or one that has passed
    """
    try:
        day = parser.parse(text).date()
    except (ValueError, OverflowError, TypeError):
        raise ValueError(f"Failed to parse '{text}' as a valid date.") from None
    if day < datetime.now(UTC).date():
        raise ValueError(f"Successfully parsed {text}. This must be a date in the future")
    return datetime.combine(day, time(23, 59, 59), UTC)


def page_links(page: int, per_page: int, pages: int) -> dict[str, str]:
    """Links to the other pages, by number."""
    numbers = {"self": page, "first": 1}
    if page > 1:
        numbers["prev"] = min(page - 1, max(1, pages))
    if page < pages:
        numbers["next"] = page + 1
    numbers["last"] = max(1, pages)
    return {
        relation: f"{PREFIX}/widgets?page={number}&per_page={per_page}"
        for relation, number in numbers.items()
    }
