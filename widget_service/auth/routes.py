"""The services of accounts, registered."""

from __future__ import annotations

from typing import Any

from widget_service.auth import views


def includeme(config: Any) -> None:
    """Register, login, user, logout, sessions, password."""
    for service in (
        views.register,
        views.login,
        views.user,
        views.logout,
        views.session_list,
        views.password,
    ):
        config.add_rest_service(service)
