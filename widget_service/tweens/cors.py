"""Cross-origin requests (the Fetch standard, 3.2), never with credentials.

A plugin whose answers have headers that browsers are to show to their pages names them in its
includeme::

    config.expose_headers("Gadget-Count")

A tween and not Cornice's own support, which keeps its origins on process-wide objects, so that a
second application in the process would answer with the first one's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import colander

from widget_service import settings
from widget_service.fields import Listed, Text, WholeNumber
from widget_service.settings import setting
from widget_service.tweens.headers import vary

EXPOSED = "Location, Link, Total-Count, ETag, WWW-Authenticate, Retry-After"
ANYBODY = ("Access-Control-Allow-Origin", "*")
# What a view says of these does not count where we say something.
SAID = frozenset({"access-control-allow-origin", "access-control-expose-headers"})
# As browsers send it: in lower case, a host name in ASCII, nothing after the port (RFC 6454, 6.2).
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?")
# A name of a header field (RFC 9110, 5.1).
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def exact_origins(node: Any, values: tuple[str, ...]) -> None:
    """:raises colander.Invalid: neither ``*`` alone nor exact origins"""
    if values == ("*",):
        return
    for value in values:
        if not ORIGIN.fullmatch(value):
            text = f"{value} is no origin; use * alone, or exact ones such as https://example.com"
            raise colander.Invalid(node, text)


def header_names(node: Any, value: str) -> None:
    """:raises colander.Invalid: ``value`` is no list of them (RFC 9110, 5.6.1)"""
    names = value.split(",") if value else []
    wrong = [name.strip() for name in names if not TOKEN.fullmatch(name.strip(" "))]
    if wrong:
        raise colander.Invalid(node, f"{wrong[0]!r} is no name of a header")


Headers = list[tuple[str, str]]


class CorsSettings(colander.MappingSchema):
    """``cors.*``"""

    origins = setting(
        Listed(Text()),
        "Who may call from a browser: * or exact origins.",
        exact_origins,
        default=("*",),
    )
    allow_headers = setting(
        Text(),
        "The request headers that a browser may send.",
        header_names,
        default="Authorization, Content-Type, If-Match, If-None-Match",
    )
    max_age = setting(
        WholeNumber(),
        "How long a browser keeps a preflight answer, in seconds.",
        colander.Range(0, 86400),
        default=600,
    )


def expose_headers(config: Any, *names: str) -> None:
    """Let pages of other origins read these headers of answers (a directive)."""
    for name in names:
        introspectable = config.introspectable("exposed headers", name, name, "header")
        # No conflict: two plugins may have a header in common.
        config.action(None, introspectables=(introspectable,))
        if name not in config.registry.exposed_headers:
            config.registry.exposed_headers.append(name)


def to_origin(registry: Any) -> Callable[[str | None], Headers]:
    """What every answer says to scripts of an origin, which is that of the request; nothing to one
    that is not allowed, or to none. Unless it is :data:`ANYBODY`, answers vary with the origin.
    """
    allowed = settings.of(registry, "cors").origins
    exposed = ("Access-Control-Expose-Headers", ", ".join([EXPOSED, *registry.exposed_headers]))
    if allowed == ("*",):
        return lambda _origin: [ANYBODY, exposed]
    to_each: dict[str | None, Headers] = {
        origin: [("Access-Control-Allow-Origin", origin), exposed] for origin in allowed
    }
    return lambda origin: to_each.get(origin, [])


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Add the headers to every response, errors included."""
    values = settings.of(registry, "cors")
    said_to = to_origin(registry)
    varies = ANYBODY not in said_to(None)

    def cors_tween(request: Any) -> Any:
        response = handler(request)
        said = said_to(request.environ.get("HTTP_ORIGIN"))
        if varies:
            vary(response.headers, "Origin")
        if not said:
            return response
        # The list itself: the mapping that WebOb offers walks through it for each header.
        listed = response.headerlist
        listed[:] = [each for each in listed if each[0].lower() not in SAID]
        listed.extend(said)
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            headers = response.headers
            headers["Access-Control-Allow-Methods"] = headers.get("Allow", "OPTIONS")
            headers["Access-Control-Allow-Headers"] = values.allow_headers
            headers["Access-Control-Max-Age"] = str(values.max_age)
        return response

    return cors_tween


def includeme(config: Any) -> None:
    """Put the tween outside of all others: whatever they answer, it needs the headers."""
    config.declare_settings("cors", CorsSettings())
    config.registry.exposed_headers = []
    config.add_directive("expose_headers", expose_headers)
    config.add_outermost_tween(tween_factory)
