"""What the services of widgets read and answer."""

from __future__ import annotations

import decimal
import re
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any
from urllib.parse import urlsplit

import colander
import idna
from dateutil import parser as dateutil

from widget_service import settings
from widget_service.answers import answer
from widget_service.fields import Flag, Text, WholeNumber, field, shown
from widget_service.widgets.models import NAME_LENGTH, URL_LENGTH

NAME = re.compile(r"[a-z0-9_-]+")
DEADLINE_LENGTH = 64
# No step into another time zone leaves the years that a datetime has.
LAST_YEAR = 9990
# RFC 3986, 2: what is neither reserved nor unreserved; with white space and control characters.
NOT_IN_URL = re.compile(r'[\x00-\x20\x7f-\xa0"<>\\^`{|}\s]')
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def illegal_name(name: str) -> str | None:
    """What is wrong with a widget's name; None for a legal one."""
    if not NAME.fullmatch(name):
        return (
            f"'{shown(name)}' contains one or more invalid characters. Widget name must contain "
            "only lowercase letters, numbers, hyphen and underscore characters."
        )
    if len(name) > NAME_LENGTH:
        return f"'{name}' is too long. Widget name must have at most {NAME_LENGTH} characters."
    return None


def widget_name(node: Any, value: str) -> None:
    """:raises colander.Invalid: not a legal name"""
    wrong = illegal_name(value)
    if wrong:
        raise colander.Invalid(node, wrong)


def info_url(node: Any, value: str) -> None:
    """:raises colander.Invalid: not a public http or https URL (RFC 3986, RFC 9110, 4.2)"""
    if len(value) > URL_LENGTH or not _is_url(value):
        hint = "" if "://" in value else f" Did you mean: http://{shown(value)}"
        raise colander.Invalid(node, f"{shown(value)} is not a valid URL.{hint}")


def _is_url(value: str) -> bool:
    if NOT_IN_URL.search(value):
        return False
    try:
        value.encode("utf-8")
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or port == 0:
        return False
    return _is_public_host(parts.hostname or "")


def _is_public_host(host: str) -> bool:
    """Dotted, and neither an IP address in any spelling nor this machine."""
    try:
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return False
    labels = ascii_host.removesuffix(".").split(".")
    if len(labels) < 2 or len(ascii_host) > 253 or not all(map(LABEL.fullmatch, labels)):
        return False
    top = labels[-1].lower()
    # A host that ends in a number is an IPv4 address to some (URL standard, 3.5): 127.1, 0x7f.1
    return top != "localhost" and not top[0].isdigit() and len(top) > 1


class Deadline(Text):
    """A date in any format of python-dateutil, today or later, as the end of that day in UTC."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        super().__init__()
        self.zone = zone

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: no date, or one that has passed"""
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        today = datetime.now(self.zone).date()
        day = _parse_date(text, today)
        if day is None:
            raise colander.Invalid(node, f"Failed to parse '{shown(text)}' as a valid date.")
        if day < today:
            raise colander.Invalid(
                node,
                f"Successfully parsed {text} as {day:%b %d %Y}. "
                "However, this value must be a date in the future",
            )
        return datetime.combine(day, time(23, 59, 59), self.zone).astimezone(UTC)


def _parse_date(text: str, today: date) -> date | None:
    # dateutil takes digits of any script, and a NUL at the end.
    if len(text) > DEADLINE_LENGTH or not (text.isascii() and text.isprintable()):
        return None
    try:
        # Without its time zone: the time part does not count, and some zones fail later on.
        day = dateutil.parse(text, default=datetime.combine(today, time()), ignoretz=True).date()
    except (ValueError, OverflowError, TypeError, decimal.DecimalException):
        return None
    return day if day.year <= LAST_YEAR else None


class _Update(colander.MappingSchema):
    info_url = field(Text(), info_url, title="URL", format="url")
    deadline = field(Text(), title="Deadline")

    def after_bind(self, _node: Any, kw: dict[str, Any]) -> None:
        """Only the type of a node cannot be deferred."""
        self["deadline"].typ = Deadline(settings.of(kw["registry"], "rest").time_zone)


class _Creation(_Update):
    name = field(Text(), widget_name, title="Name")


class Creation(colander.MappingSchema):
    """POST /widgets"""

    body = _Creation()


class Update(colander.MappingSchema):
    """PUT /widgets/{name}"""

    body = _Update()


class Positive(WholeNumber):
    """A page number or size."""

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: no number, or not a positive one"""
        number = super().deserialize(node, cstruct)
        if number is not colander.null and number < 1:
            text = f"Invalid {node.name}: {number}. {node.name} must be a positive integer"
            raise colander.Invalid(node, text)
        return number


@colander.deferred
def page_size(_node: Any, kw: dict[str, Any]) -> Any:
    """One of the operator's page sizes."""
    choices = settings.of(kw["registry"], "widgets").per_page_choices

    def one_of(node: Any, value: int) -> None:
        if value not in choices:
            text = f"The value '{value}' is not a valid choice for '{node.name}'."
            raise colander.Invalid(node, text)

    one_of.choices = choices  # type: ignore[attr-defined]  # the documentation shows them
    return one_of


@colander.deferred
def default_page_size(_node: Any, kw: dict[str, Any]) -> int:
    """The operator's page size."""
    return int(settings.of(kw["registry"], "widgets").per_page)


class _Page(colander.MappingSchema):
    page = colander.SchemaNode(Positive(), missing=1, description="From 1.")
    per_page = colander.SchemaNode(Positive(), missing=default_page_size, validator=page_size)


class Page(colander.MappingSchema):
    """GET /widgets"""

    querystring = _Page()


class _Owner(colander.MappingSchema):
    email = answer(Text())
    public_id = answer(Text())


class _Widget(colander.MappingSchema):
    name = answer(Text())
    info_url = answer(Text())
    created_at = answer(Text())
    created_at_iso8601 = answer(Text())
    created_at_rfc822 = answer(Text())
    deadline = answer(Text())
    deadline_iso8601 = answer(Text())
    deadline_passed = answer(Flag())
    time_remaining = answer(Text())
    owner = _Owner()
    link = answer(Text())


class Widget(colander.MappingSchema):
    """One widget."""

    body = _Widget()


class _Links(colander.MappingSchema):
    self = answer(Text())
    first = answer(Text())
    prev = answer(Text(), missing=colander.drop)
    next = answer(Text(), missing=colander.drop)
    last = answer(Text())


class _Items(colander.SequenceSchema):
    widget = _Widget()


class _WidgetPage(colander.MappingSchema):
    links = _Links()
    has_prev = answer(Flag())
    has_next = answer(Flag())
    page = answer(WholeNumber())
    total_pages = answer(WholeNumber())
    items_per_page = answer(WholeNumber())
    total_items = answer(WholeNumber())
    items = _Items()


class WidgetPage(colander.MappingSchema):
    """A page of widgets."""

    body = _WidgetPage()


class _Written(colander.MappingSchema):
    status = answer(Text())
    message = answer(Text())
    widget = _Widget()


class Written(colander.MappingSchema):
    """A widget was added or updated."""

    body = _Written()
