"""The services of widgets, registered."""

from __future__ import annotations

from typing import Any

from widget_service.widgets import views


def includeme(config: Any) -> None:
    """All widgets, one widget."""
    config.add_rest_service(views.widgets)
    config.add_rest_service(views.widget)
