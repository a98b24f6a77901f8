"""The services of operations, registered."""

from __future__ import annotations

import copy
from typing import Any

from widget_service import settings
from widget_service.ops import health, views


def includeme(config: Any) -> None:
    """Alive, ready, which version."""
    config.include(health)
    values = settings.of(config.registry, "ops")
    for path, service in (
        (values.alive_path, views.alive),
        (values.ready_path, views.ready),
        (values.version_path, views.release),
    ):
        # The process may have two applications, with a path of its own in each.
        copied = copy.copy(service)
        copied.path = path
        config.add_rest_service(copied, prefix="")
