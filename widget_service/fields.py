"""Strict Colander types, for request fields and settings alike.

Colander's own types take ``3.7`` for an Integer and ``banana`` for a Boolean, and its validators
let a trailing newline pass. These say no, and their texts say what would be right.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import colander

INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
FULL_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MISSING = "Missing required parameter in the post body"


def shown(text: str) -> str:
    """``text`` as an error message may quote it: lone surrogates, which UTF-8 lacks, are ``?``."""
    return text.encode("utf-8", "replace").decode("utf-8")


def field(typ: Any, validator: Any = None, **options: Any) -> colander.SchemaNode:
    """A field of a request body, with the text that clients know for its absence.

    It is required, unless ``missing`` says what stands for an absent or null value.
    """
    return colander.SchemaNode(typ, validator=validator, missing_msg=MISSING, **options)


class Text(colander.SchemaType):
    """A string, taken as it is. JSON null is an absent value, anything else is refused."""

    # What is said of anything else; a type whose texts are wrong in a way of their own says that.
    refusal = "The value is not a string"

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: ``cstruct`` is no string"""
        if cstruct is None or cstruct is colander.null:
            return colander.null
        if not isinstance(cstruct, str):
            # A number or a flag can be quoted, a list in a list may be too deep for that.
            nested = isinstance(cstruct, dict | list | tuple)
            raise colander.Invalid(node, self.refusal.format("The value" if nested else cstruct))
        return cstruct

    def serialize(self, _node: Any, appstruct: Any) -> Any:
        """The string itself."""
        return appstruct


class Opaque:
    """What no text field takes: a file in a form, or a number in JSON, which is left as it is.

    int() would refuse 5,000 digits, and a field gets the same text from a form and from JSON.
    """

    def __init__(self, text: str = "a file") -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __int__(self) -> int:
        """For Colander's own types, which ask for it, as for the next one."""
        return int(self.text)

    def __float__(self) -> float:
        """:raises ValueError: JSON has it, and Python's numbers do not reach so far"""
        number = float(self.text)
        if not math.isfinite(number):
            raise ValueError(f"{self.text} is beyond all numbers")
        return number


class WholeNumber(Text):
    """A whole number in ASCII digits that fits in 64 bits; in JSON a number, or such a string."""

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: ``cstruct`` is no such number"""
        text = super().deserialize(node, cstruct.text if isinstance(cstruct, Opaque) else cstruct)
        if text is colander.null:
            return text
        if not INTEGER.fullmatch(text.strip(" ")) or not -(2**63) <= int(text) < 2**63:
            raise colander.Invalid(node, f"{shown(text)} is not a valid integer")
        return int(text)


class Flag(Text):
    """``true`` or ``false``; in JSON a boolean, or such a string."""

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: ``cstruct`` is neither word"""
        if isinstance(cstruct, bool):
            return cstruct
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        if text.lower() not in ("true", "false"):
            raise colander.Invalid(node, "must be true or false")
        return text.lower() == "true"


class Date(Text):
    """A day, such as ``2030-12-31`` (RFC 3339, 5.6: full-date), as a :class:`datetime.date`."""

    swagger: ClassVar = {"format": "date"}

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: ``cstruct`` is no such day"""
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        try:
            # Python takes more than this one format, such as 20301231.
            day = date.fromisoformat(text) if FULL_DATE.fullmatch(text) else None
        except ValueError:
            day = None
        if day is None:
            raise colander.Invalid(node, "must be a date such as 2030-12-31")
        return day


class Listed(Text):
    """Values separated by white space or commas, each of the type ``of``, as a tuple."""

    def __init__(self, of: Any) -> None:
        super().__init__()
        self.of = of

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: one of the values is not of the type"""
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        return tuple(self.of.deserialize(node, part) for part in re.split(r"[\s,]+", text) if part)


class TimeZone(Text):
    """The name of a time zone, such as ``UTC`` or ``Europe/Zurich``, as a tzinfo."""

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: there is no such time zone"""
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        try:
            return UTC if text == "UTC" else ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise colander.Invalid(node, "must be the name of a time zone, such as UTC") from None
