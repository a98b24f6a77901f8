"""The services of operations, registered."""

from __future__ import annotations

import copy
from typing import Any

from widget_service import settings
from widget_service.ops import health, views
from widget_service.rest import Service


def includeme(config: Any) -> None:
    """Alive, ready, which version; and how much was answered, where an operator asks for that."""
    config.include(health)
    values = settings.of(config.registry, "ops")
    _serve(config, values.alive_path, views.alive)
    _serve(config, values.ready_path, views.ready)
    _serve(config, values.version_path, views.release)
    if values.metrics_path:
        _measure(config, values.metrics_path)


def _measure(config: Any, path: str) -> None:
    try:
        # Not above: it imports an extra.
        from widget_service.ops import metrics  # noqa: PLC0415

        config.include(metrics)
    except ImportError as error:
        text = settings.not_installed(error.name, "metrics")
        config.refuse_setting("ops.metrics_path", text)
    except ValueError as error:
        config.refuse_setting("ops.metrics_path", str(error))
    else:
        _serve(config, path, views.metrics)


def _serve(config: Any, path: str, service: Service) -> None:
    # The process may have two applications, with a path of its own in each.
    copied = copy.copy(service)
    copied.path = path
    config.add_rest_service(copied, prefix="")
