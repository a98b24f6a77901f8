"""The services of the documentation, registered."""

from __future__ import annotations

import copy
from typing import Any

from widget_service import settings
from widget_service.docs import views


def includeme(config: Any) -> None:
    """The root, the two documents, the page and its files."""
    # The prefix itself, without a slash; a Cornice service cannot have an empty path of its own.
    config.add_route(views.prefix.name, settings.of(config.registry, "rest").prefix)
    config.add_rest_service(views.prefix)
    config.add_rest_service(views.root)
    config.add_rest_service(views.swagger_json)
    config.add_rest_service(views.openapi_json)
    page = settings.of(config.registry, "docs").ui_path
    config.add_rest_service(_at(page, views.ui))
    config.add_rest_service(_at(page + views.asset.path, views.asset))


def _at(path: str, service: Any) -> Any:
    """A copy of ``service`` at another path: the process may have two applications."""
    copied = copy.copy(service)
    copied.path = path
    return copied
