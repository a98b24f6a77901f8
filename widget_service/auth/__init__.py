"""Accounts: registration, login, logout, and who somebody is.

Everything that the plugin adds to an application is named here.
"""

from __future__ import annotations

from typing import Any

from widget_service.auth import (
    audit,
    commands,
    hashing,
    keys,
    passwords,
    security,
    settings,
    views,
)


def includeme(config: Any) -> None:
    """Settings, tables, the codec, the policy, the services and the commands."""
    config.include("widget_service")
    config.include(settings)
    config.declare_permissions({"auth:self": "show and secure the own account, and log out"})
    config.add_migrations("widget_service.auth:migrations")
    config.include(passwords)
    config.include(hashing)
    config.include(keys)
    config.include(security)
    config.include(audit)
    config.add_rest_service(views.register)
    config.add_rest_service(views.login)
    config.add_rest_service(views.user)
    config.add_rest_service(views.logout)
    config.add_rest_service(views.session_list)
    config.add_rest_service(views.password)
    ring = config.registry.keys
    if ring is not None and ring.public:
        # Where others look for it (RFC 8615), outside of the prefix.
        config.add_rest_service(views.jwks, prefix="")
    config.include(commands)
