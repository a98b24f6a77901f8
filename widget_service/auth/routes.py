"""The services of accounts, registered."""

from __future__ import annotations

from typing import Any

from widget_service.auth import views


def includeme(config: Any) -> None:
    """Register, login, user, logout."""
    for service in (views.register, views.login, views.user, views.logout):
        config.add_rest_service(service)
