"""Audit: who did what to accounts, from where, and whether it was let happen.

One line each, of the logger ``widget_service.audit``; what it says is in ``extra`` as well, for
formatters that keep it. No line has a password or a token in it, nor the header it came in.
"""

from __future__ import annotations

import getpass
import logging
import os
from typing import Any

import plaster

from widget_service.logs import cut, quoted
from widget_service.principals import AccessRefused, QuotaRefused
from widget_service.retry import is_tried_again

log = logging.getLogger("widget_service.audit")

NOBODY = "nobody"
SUCCESS = "success"
FAILURE = "failure"


def write(action: str, outcome: str, who: str, origin: str, **more: Any) -> None:
    """Write a line.

    :param who: a user's ``public_id``, or the address of one who is not known by it
    :param origin: the network address, or the account of the machine
    """
    shown = _ascii(who)
    fields = {"action": action, "outcome": outcome, "who": shown, "origin": origin, **more}
    notes = "".join(f", {name} {value}" for name, value in more.items())
    log.info("%s: %s, %s from %s%s", action, outcome, shown, origin, notes, extra=fields)


def _ascii(text: str) -> str:
    """In one line, and in ASCII: a name must not look like another line, or like another name."""
    return cut(ascii(text)[1:-1])


class Entry:
    """What a request is about to do; written when it is clear what became of it."""

    def __init__(self, action: str, who: str) -> None:
        self.action = action
        self.who = who

    def close(self, request: Any, response: Any) -> None:
        """Write it: after the transaction, which may have failed at its end.

        Of several attempts the last one says what became of it.
        """
        if is_tried_again(request):
            return
        status = response.status_int
        outcome = SUCCESS if status < 400 else FAILURE  # noqa: PLR2004  (RFC 9110, 15)
        write(self.action, outcome, self.who, _address(request), status=status)


def watch(request: Any, action: str, who: str) -> Entry:
    """Have a line written for a request; ``who`` of the entry may become better known."""
    entry = Entry(action, who)
    request.add_response_callback(entry.close)
    return entry


def refusal(event: AccessRefused) -> None:
    """Write a line for a request that the policy refused (a subscriber)."""
    request, refused = event
    _refused(request, request.authenticated_userid, refused.status, refused.message)


def quota_refusal(event: QuotaRefused) -> None:
    """Write a line for a request that somebody sent too many of (a subscriber)."""
    _refused(event.request, event.who, event.status, event.limit)


def _refused(request: Any, who: str | None, status: int, reason: str) -> None:
    write(
        "access",
        "refused",
        who or NOBODY,
        _address(request),
        status=status,
        reason=reason,
        method=quoted(request.method),
        path=quoted(request.environ.get("PATH_INFO", "")),
    )


def by_operator(registry: Any, action: str, public_id: str, email: str) -> None:
    """Write a line for what somebody at the machine did to an account with a command.

    :param email: its address, for those who read the line when the account is gone
    """
    file = registry.settings_declared.source.file
    if file and not log.hasHandlers():
        # Commands log nothing else; the .ini file says where audit lines belong.
        plaster.setup_logging(str(file))
    write(action, SUCCESS, public_id, f"{_operator()} at the machine", email=_ascii(email))


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in a container
        return f"user {os.getuid()}"


def _address(request: Any) -> str:
    return request.remote_addr or "unknown"


def includeme(config: Any) -> None:
    """Write a line for each refusal."""
    config.add_subscriber(refusal, AccessRefused)
    config.add_subscriber(quota_refusal, QuotaRefused)
