"""Headers that every response has, whoever made it: what browsers and caches may do with it.

What a view, or a tween inside of this one, has set itself stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import colander

from widget_service import settings
from widget_service.fields import WholeNumber
from widget_service.settings import setting

# No guessing of types, and no address of ours in the requests that follow from an answer.
ALWAYS = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"))
# Somebody who gets a browser to show JSON as a page gains nothing by it.
JSON = "application/json"
JSON_POLICY = ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
# No cache may store what a token opened, the client's own included (RFC 9111, 5.2.2.5).
PRIVATE = ("Cache-Control", "no-store")
REFUSALS = (401, 403)


class HeadersSettings(colander.MappingSchema):
    """``headers.*``"""

    hsts_max_age = setting(
        WholeNumber(),
        "How long a browser must keep to https after a visit, in seconds (RFC 6797); 0 sends no "
        "header.",
        colander.Range(0, 10 * 366 * 86400),
        default=0,
    )


def vary(headers: Any, name: str) -> None:
    """Add to Vary what the response depends on, once (RFC 9110, 12.5.5)."""
    present = headers.get("Vary")
    if present is None:
        headers["Vary"] = name
    elif present != "*" and name.lower() not in present.lower().replace(" ", "").split(","):
        headers["Vary"] = f"{present}, {name}"


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Add the headers to every response, errors included."""
    max_age = settings.of(registry, "headers").hsts_max_age
    transport = ("Strict-Transport-Security", f"max-age={max_age}") if max_age else None

    def headers_tween(request: Any) -> Any:
        response = handler(request)
        # The list itself: the mapping that WebOb offers walks through it at each look.
        listed = response.headerlist
        present = {name.lower(): value for name, value in listed}
        wanted = [*ALWAYS]
        if present.get("content-type", "").startswith(JSON):
            wanted.append(JSON_POLICY)
        # A view that needs a permission answers either to a token or with a refusal.
        if "HTTP_AUTHORIZATION" in request.environ or response.status_int in REFUSALS:
            wanted.append(PRIVATE)
            if "vary" in present:
                vary(response.headers, "Authorization")
            else:
                wanted.append(("Vary", "Authorization"))
        if transport and request.scheme == "https":
            wanted.append(transport)
        listed.extend([header for header in wanted if header[0].lower() not in present])
        return response

    return headers_tween


def includeme(config: Any) -> None:
    """Put the tween outside of all others but the one for other origins."""
    config.declare_settings("headers", HeadersSettings())
    config.add_outermost_tween(tween_factory)
