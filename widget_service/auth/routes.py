"""The services of accounts, registered."""

from __future__ import annotations

from typing import Any

from widget_service.auth import views


def includeme(config: Any) -> None:
    """Register, login, user, logout, sessions, password; and public keys where there are some."""
    for service in (
        views.register,
        views.login,
        views.user,
        views.logout,
        views.session_list,
        views.password,
    ):
        config.add_rest_service(service)
    keys = config.registry.keys
    if keys is not None and keys.public:
        # Where others look for it (RFC 8615), outside of the prefix.
        config.add_route(views.jwks.name, views.jwks.path)
        config.add_rest_service(views.jwks)
