"""The vocabulary of access control that all plugins share.

A plugin grants its permissions to these principals in the ``__acl__`` of its contexts; the
security policy says which of them a request has.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from pyramid.authorization import ACLHelper, Authenticated, Everyone
from pyramid.security import Denied

ADMINISTRATOR = "role:administrator"

# The permission of a view that names none. Nobody grants it by name, so such a view is open to
# administrators only, who have every permission.
UNDECLARED = "undeclared"

__all__ = [
    "ADMINISTRATOR",
    "UNDECLARED",
    "AccessRefused",
    "Authenticated",
    "Everyone",
    "QuotaRefused",
    "Refused",
    "for_everyone",
    "for_users",
]


def for_everyone(context: Any, permission: str) -> bool:
    """Do the ACLs of ``context`` and its parents grant ``permission`` to strangers?"""
    return bool(ACLHelper().permits(context, [Everyone], permission))


def for_users(context: Any, permission: str) -> bool:
    """Do the ACLs of ``context`` and its parents grant ``permission`` to whoever is logged in?"""
    return bool(ACLHelper().permits(context, [Everyone, Authenticated], permission))


class Refused(Denied):
    """A policy's no that knows what to answer: status, message and headers of the response."""

    def __new__(cls, *_args: Any, **_kw: Any) -> Self:
        """Keep Pyramid's formatting arguments, which a Denied wants to be strings."""
        return super().__new__(cls, "%s", "refused")  # type: ignore[no-any-return]

    def __init__(self, status: int, message: str, challenge: str) -> None:
        """
        :param status: 401 or 403
        :param message: the text of the body
        :param challenge: the value of WWW-Authenticate (RFC 9110, 11.6.1)
        """
        self.status = status
        self.message = message
        self.challenge = challenge


class AccessRefused(NamedTuple):
    """An event: a request is answered with a policy's no."""

    request: Any
    refused: Refused


class QuotaRefused(NamedTuple):
    """An event: a request is refused, as somebody asks too often.

    :param status: of the answer
    :param limit: the name of what is used up
    :param who: a user's ``public_id``, or the e-mail address of an account; None for nobody known
    """

    request: Any
    status: int
    limit: str
    who: str | None
