"""The contexts of accounts."""

from __future__ import annotations

from typing import Any, ClassVar

from pyramid.authorization import Allow

from widget_service.principals import Authenticated
from widget_service.resources import Context


class Private(Context):
    """Registration and login. What they answer has a token or an address in it, refusals too."""

    __name__ = "auth"

    def __init__(self, request: Any) -> None:
        super().__init__(request)
        request.add_response_callback(_keep_out_of_caches)


class Account(Private):
    """The account of whoever asks."""

    __acl__: ClassVar = [(Allow, Authenticated, "auth:self")]


class Credentials(Account):
    """The password of whoever asks."""

    # Hashing takes long, so nobody should wait for a transaction in which it is done: the policy
    # looks up who asks before there is one, and the view once more when there is.
    before_transaction = True


def _keep_out_of_caches(_request: Any, response: Any) -> None:
    """RFC 6749, 5.1."""
    response.headers.update({"Cache-Control": "no-store", "Pragma": "no-cache"})
