"""The contexts of accounts."""

from __future__ import annotations

from typing import ClassVar

from pyramid.authorization import Allow

from widget_service.principals import Authenticated
from widget_service.resources import Context


class Account(Context):
    """The account of whoever asks."""

    __name__ = "auth"
    __acl__: ClassVar = [(Allow, Authenticated, "auth:self")]
