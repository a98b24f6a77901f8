"""Cursors: places in a list, between two rows, that links to the next and previous page carry.

A page number says how many rows to skip, which takes the longer the more there are, and means
other rows as soon as one before them comes or goes. A cursor names the row that the page begins
after, or ends before, so an index leads there, whatever happened to the rows in between.

Clients take it as it is and must not look inside, but nothing secret is there: it has no
signature, as one that is made up leads only to rows that the same client may list anyway.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, NamedTuple

import colander
import orjson

from widget_service.fields import Text

AFTER, BEFORE = "after", "before"
# Of what a row is found by: other keys would need a form of their own in JSON.
KEYS = (int, str)
MISTAKEN = "This is not a cursor of this list. Take it from a link, or leave it out"


class Cursor(NamedTuple):
    """The rows ``after`` or ``before`` the one with this key, for a page of that number and size.

    Beside another number or size, which somebody has put into a link, it means nothing.
    """

    direction: str
    key: int | str
    page: int
    size: int

    def __str__(self) -> str:
        """As links carry it: letters, digits, ``-`` and ``_`` (RFC 4648, 5)."""
        # What orjson writes of numbers alone is the same, and sooner there.
        numbered = isinstance(self.key, int)
        text = (
            orjson.dumps([*self]) if numbered else json.dumps(self, separators=(",", ":")).encode()
        )
        return urlsafe_b64encode(text).decode("ascii").rstrip("=")


def parse(text: str) -> Cursor:
    """The cursor of a link.

    :raises ValueError: it is none that any link has
    """
    try:
        padding = "=" * (-len(text) % 4)
        direction, key, page, size = orjson.loads(urlsafe_b64decode(text + padding))
    except TypeError as error:
        raise ValueError(text) from error
    cursor = Cursor(direction, key, page, size)
    if direction not in (AFTER, BEFORE) or type(key) not in KEYS:
        raise ValueError(text)
    # Nor any other spelling: not true for 1, no blanks, no bytes that base64 passes over.
    if not type(page) is type(size) is int or str(cursor) != text:
        raise ValueError(text)
    storable = -(2**63) <= key < 2**63 if isinstance(key, int) else _is_storable(key)
    if not storable:
        raise ValueError(text)
    return cursor


def _is_storable(key: str) -> bool:
    """PostgreSQL has no NUL in texts, and neither database has lone surrogates."""
    return "\0" not in key and not any("\ud800" <= each <= "\udfff" for each in key)


class CursorText(Text):
    """A cursor in a query."""

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: no cursor that a link has"""
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        try:
            return parse(text)
        except ValueError:
            raise colander.Invalid(node, MISTAKEN) from None
