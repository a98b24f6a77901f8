"""What an operator may tune of throttling."""

from __future__ import annotations

import re
from typing import Any

import colander
from limits import parse_many

from widget_service.database.engines import without_secrets
from widget_service.fields import Text, WholeNumber, shown
from widget_service.settings import setting

SCHEMES = ("memory", "redis", "rediss", "redis+unix")
ADVICE = "write 5/minute, 100 per 2 hours, or several of them with ; between"
# What a structured field can hold is much more (RFC 9651, 3.3.1); beyond these it is a mistake.
MOST_REQUESTS = 10**9
LONGEST_WINDOW = 366 * 86400
# limits reads "5 per 0 hours" as 5 per hour.
NO_TIME = re.compile(r"(/|per)\s*0+\s*[a-z]", re.IGNORECASE)


class Rates(Text):
    """Rates in the notation of limits, as a tuple of its items; nothing for no limit."""

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """:raises colander.Invalid: this is no rate"""
        text = super().deserialize(node, cstruct)
        if text is colander.null:
            return text
        if not text.strip():
            return ()
        try:
            rates = tuple(parse_many(text.strip()))
        except ValueError:
            raise colander.Invalid(node, f"{shown(text)} is no rate; {ADVICE}") from None
        sane = all(
            1 <= rate.amount <= MOST_REQUESTS and rate.get_expiry() <= LONGEST_WINDOW
            for rate in rates
        )
        if not sane or NO_TIME.search(text):
            raise colander.Invalid(node, f"{shown(text)} makes no sense; {ADVICE}")
        return rates

    @staticmethod
    def ini_text(rates: tuple[Any, ...]) -> str:
        """The rates as an .ini file has them."""
        return "; ".join(map(str, rates))


def _rates(text: str, help_text: str) -> colander.SchemaNode:
    return setting(Rates(), f"{help_text} Empty for no limit.", default=tuple(parse_many(text)))


def storage_url(node: Any, value: str) -> None:
    """:raises colander.Invalid: nobody can count there"""
    scheme, separator, _rest = value.partition("://")
    if scheme not in SCHEMES or not separator:
        raise colander.Invalid(node, "must be memory:// or redis://HOST:PORT/NUMBER")


class ThrottleSettings(colander.MappingSchema):
    """``throttle.*``"""

    storage = setting(
        Text(),
        "Where requests are counted: memory:// in one process, redis://HOST:PORT/0 for several. "
        "On SQLite everybody who writes waits while a slow Redis is asked of a write.",
        storage_url,
        default="memory://",
        secret=without_secrets,
    )
    storage_timeout = setting(
        WholeNumber(),
        "How long Redis has to answer, in milliseconds.",
        colander.Range(1, 60_000),
        default=500,
    )
    without_storage = setting(
        Text(),
        "When Redis is away: count, each process for itself; or refuse, with 503.",
        colander.OneOf(("count", "refuse")),
        default="count",
    )
    login_address = _rates("60/minute", "Logins from one address, successful or not.")
    login_account_address = _rates(
        "5/minute; 30/hour", "Failed logins to one account from one address."
    )
    login_account = _rates(
        "200/hour",
        "Failed logins to one account, from anywhere; beyond them nobody logs in to it.",
    )
    register_address = _rates("30/minute; 300/hour", "Registrations from one address.")
    write_user = _rates("600/minute", "Other requests of one user that write.")


def includeme(config: Any) -> None:
    """Declare them."""
    config.declare_settings("throttle", ThrottleSettings())
