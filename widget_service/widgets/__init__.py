"""Widgets: everybody who is logged in reads them, administrators add, edit and delete them.

Everything that the plugin adds to an application is named here.
"""

from __future__ import annotations

from typing import Any

from widget_service.widgets import views
from widget_service.widgets.settings import WidgetsSettings


def includeme(config: Any) -> None:
    """Settings, a table, the services."""
    config.include("widget_service")
    # Owners are users.
    config.include("widget_service.auth")
    config.declare_settings("widgets", WidgetsSettings())
    config.declare_permissions(
        {
            "widgets:read": "list and show widgets",
            "widgets:create": "add widgets",
            "widgets:update": "change widgets, and add them under a name",
            "widgets:delete": "delete widgets",
        }
    )
    config.add_migrations("widget_service.widgets:migrations")
    config.add_rest_service(views.widgets)
    config.add_rest_service(views.widget)
