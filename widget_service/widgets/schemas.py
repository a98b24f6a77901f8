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
from widget_service.answers import Located, Tagged, response_key
from widget_service.fields import Flag, Text, field, shown
from widget_service.rendering import short_date
from widget_service.widgets.models import NAME_LENGTH, URL_LENGTH

NAME = re.compile(r"[a-z0-9_-]+")
DEADLINE_LENGTH = 64
# No step into another time zone leaves the years that a datetime has.
LAST_YEAR = 9990
# Of ASCII's visible characters those that no URL has (RFC 3986, 2), and the space.
NOT_IN_URL = re.compile(r'[ "<>\\^`{|}]')
# RFC 1123, 2.1
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Every time zone has a last 23:59:59 of a day, but where clocks are changed at midnight there are
# two, or none: fold means the second one, or the last second before the gap.
END_OF_DAY = time(23, 59, 59, fold=1)


INVALID_NAME = (
    "'{}' contains one or more invalid characters. Widget name must contain only lowercase "
    "letters, numbers, hyphen and underscore characters."
)


def illegal_name(name: str, typed: str) -> str | None:
    """What is wrong with a widget's name; None for a legal one.

    :param typed: the name as the client wrote it, for the message
    """
    # Clients know one text, so a name that is too long has it as well.
    legal = NAME.fullmatch(name) and len(name) <= NAME_LENGTH
    return None if legal else INVALID_NAME.format(shown(typed))


class Name(Text):
    """The name of a widget."""

    refusal = INVALID_NAME

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: not a legal name"""
        text = super().deserialize(node, cstruct)
        wrong = None if text is colander.null else illegal_name(text, text)
        if wrong:
            raise colander.Invalid(node, wrong)
        return text


class PublicURL(Text):
    """An http or https URL of a public host (RFC 3986; RFC 9110, 4.2)."""

    refusal = "{} is not a valid URL."

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: not such a URL"""
        text = super().deserialize(node, cstruct)
        if text is not colander.null and not _is_public_url(text):
            meant = f"http://{text}"
            hint = f" Did you mean: {meant}" if _is_public_url(meant) else ""
            raise colander.Invalid(node, self.refusal.format(shown(text)) + hint)
        return text


def _is_public_url(value: str) -> bool:
    # Not printable are control and format characters, line ends, and lone surrogates.
    if len(value) > URL_LENGTH or not value.isprintable() or NOT_IN_URL.search(value):
        return False
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    # Neither user:password@ nor the [] of an IPv6 address.
    plain = "@" not in parts.netloc and "[" not in parts.netloc
    return (
        parts.scheme in ("http", "https")
        and plain
        and port != 0
        and _is_public_host(parts.hostname or "")
    )


def _is_public_host(host: str) -> bool:
    """Dotted, and neither an IPv4 address in any spelling nor this machine."""
    try:
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return False
    *domains, top = ascii_host.removesuffix(".").split(".")
    if not domains or not all(map(LABEL.fullmatch, (*domains, top))):
        return False
    # A host that ends in a number is an IPv4 address to some (URL standard, 3.5): 127.1, 0x7f.1
    local = ("localhost", "localdomain")
    return top not in local and not top[0].isdigit() and len(top) > 1


class Deadline(Text):
    """A date in any format of python-dateutil, today or later, as the end of that day in UTC."""

    refusal = "Failed to parse '{}' as a valid date."

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
            raise colander.Invalid(node, self.refusal.format(shown(text)))
        if day < today:
            raise colander.Invalid(
                node,
                f"Successfully parsed {text} as {short_date(day)}. "
                "However, this value must be a date in the future",
            )
        return datetime.combine(day, END_OF_DAY, self.zone).astimezone(UTC)


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
    info_url = field(PublicURL(), title="URL", format="url", example="https://example.com/first")
    deadline = field(Deadline(), title="Deadline", description="Any date.", example="12/31/2099")

    def after_bind(self, _node: Any, kw: dict[str, Any]) -> None:
        """Only the type of a node cannot be deferred."""
        self["deadline"].typ = Deadline(settings.of(kw["registry"], "rest").time_zone)


class _Creation(_Update):
    name = field(Name(), title="Name", example="first")


class Creation(colander.MappingSchema):
    """POST /widgets"""

    body = _Creation()


class Update(colander.MappingSchema):
    """PUT /widgets/{name}"""

    body = _Update()


class _Owner(colander.MappingSchema):
    email = response_key(Text())
    public_id = response_key(Text())

    def after_bind(self, _node: Any, kw: dict[str, Any]) -> None:
        """The documentation does not promise what the operator hides."""
        if not settings.of(kw["registry"], "widgets").show_owner_email:
            del self["email"]


class _Widget(colander.MappingSchema):
    name = response_key(Text())
    info_url = response_key(Text())
    created_at = response_key(Text())
    created_at_iso8601 = response_key(Text())
    created_at_rfc822 = response_key(Text())
    deadline = response_key(Text())
    deadline_iso8601 = response_key(Text())
    deadline_passed = response_key(Flag())
    time_remaining = response_key(Text())
    owner = _Owner()
    link = response_key(Text())


class Widget(colander.MappingSchema):
    """One widget."""

    header = Tagged()
    body = _Widget()


class _Written(colander.MappingSchema):
    status = response_key(Text())
    message = response_key(Text())
    widget = _Widget()


class Written(colander.MappingSchema):
    """A widget was updated."""

    header = Tagged()
    body = _Written()


class Added(colander.MappingSchema):
    """A widget was added."""

    header = Located()
    body = _Written()
