"""What proxies say about the requests that they pass on, and which of them are believed.

The rules are waitress's. What it puts around an application for them would answer a header that is
malformed in plain text, and log all of it.
"""

from __future__ import annotations

import logging
from ipaddress import IPv4Address, ip_address
from typing import Any

from waitress.adjustments import Adjustments
from waitress.proxy_headers import (
    PROXY_HEADERS,
    MalformedProxyHeader,
    clear_untrusted_headers,
    parse_proxy_headers,
)

from widget_service.logs import cut

log = logging.getLogger(__name__)


class Malformed(Exception):
    """A header of a proxy that is believed is not what it should be."""


def believe(environ: dict[str, Any], adjustments: Adjustments) -> None:
    """Have a WSGI environment say what a trusted proxy says, and nothing that anybody else does.

    :raises Malformed: a client may have made it up, and the proxy passed it on
    """
    untrusted = PROXY_HEADERS
    if adjustments.trusted_proxy in ("*", environ["REMOTE_ADDR"]):
        _unify(environ, adjustments.trusted_proxy_count)
        try:
            untrusted = parse_proxy_headers(
                environ, adjustments.trusted_proxy_count, adjustments.trusted_proxy_headers
            )
        except (MalformedProxyHeader, IndexError) as error:  # the latter where no address is left
            log.warning("a proxy passes on what cannot be read: %s", cut(str(error)))
            raise Malformed from None
    if adjustments.clear_untrusted_proxy_headers:
        clear_untrusted_headers(environ, untrusted, adjustments.log_untrusted_proxy_headers)


def _unify(environ: dict[str, Any], proxies: int) -> None:
    """Write the addresses of X-Forwarded-For as waitress reads them."""
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    if forwarded:
        # What is before the proxies' own a client may have made up, as long as it likes.
        hops = forwarded.rsplit(",", proxies)
        hops[-proxies:] = map(_address, hops[-proxies:])
        environ["HTTP_X_FORWARDED_FOR"] = ",".join(hops)


def _address(text: str) -> str:
    """An address of X-Forwarded-For, as waitress reads it.

    It takes what is behind the last colon for a port: of ``192.0.2.1:77`` rightly, but also of
    ``::ffff:192.0.2.1``, as a proxy that listens to both versions of IP writes 192.0.2.1.
    """
    text = text.strip()
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    try:
        address = ip_address(bare)
    except ValueError:
        return text
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or f"[{address}]")
