"""The names that the service answers to (RFC 9110, 7.4).

Links that are absolute are made of the Host header, which a client may choose freely.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import colander

from widget_service import settings
from widget_service.answers import Bare
from widget_service.errors import Invalid, ServiceError
from widget_service.fields import Listed, Text
from widget_service.settings import setting

# An IPv6 address or a name, and a port. A name may have underscores, as those of containers do; a
# comma means two headers.
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~-]+)(:[0-9]*)?")


class Misdirected(ServiceError):
    """421: the request is for somebody else (RFC 9110, 15.5.20)."""

    status = 421


def host_names(node: Any, values: tuple[str, ...]) -> None:
    """:raises colander.Invalid: neither ``*`` alone nor names and addresses of hosts"""
    if values != ("*",):
        if not values:
            raise colander.Invalid(node, "must name at least one host, or be *")
        for value in values:
            found = HOST.fullmatch(value)
            if found is None or found[2]:
                raise colander.Invalid(
                    node, f"{value} is no host; use * alone, or names such as api.example.com"
                )


class HostsSettings(colander.MappingSchema):
    """``hosts.*``"""

    allowed = setting(
        Listed(Text()),
        "The host names that requests may be for, without a port; * for any.",
        host_names,
        default=("*",),
    )


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Refuse requests for no host, or what is none (RFC 9112, 3.2), and for other hosts."""
    allowed = frozenset(name.lower() for name in settings.of(registry, "hosts").allowed)

    def hosts_tween(request: Any) -> Any:
        if not request.environ.get("HTTP_HOST"):
            if request.http_version == "HTTP/1.1":
                raise Invalid({"host": "A request in HTTP/1.1 must have a Host header"})
            # Some servers give an empty one to requests that have none, as those in HTTP/1.0.
            request.environ.pop("HTTP_HOST", None)
        host = HOST.fullmatch(request.host)
        if host is None:
            raise Invalid({"host": "The Host header is not a host name"})
        if "*" not in allowed and host[1].lower() not in allowed:
            raise Misdirected("This service does not answer for that host.")
        return handler(request)

    return hosts_tween


def _answers_for_some(registry: Any, *_operation: object) -> bool:
    return "*" not in settings.of(registry, "hosts").allowed


def includeme(config: Any) -> None:
    """Put the tween inside of the one that makes answers of errors."""
    config.declare_settings("hosts", HostsSettings())
    elsewhere = Bare(description="The Host header names another service.")
    config.declare_answer(str(Misdirected.status), elsewhere, _answers_for_some)
    config.add_tween(
        "widget_service.tweens.hosts.tween_factory", under="pyramid.tweens.excview_tween_factory"
    )
