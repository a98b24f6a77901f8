"""Operations: what load balancers and their like ask a process about itself.

Everything that the plugin adds to an application is named here.
"""

from __future__ import annotations

from typing import Any

from widget_service.ops import health, views
from widget_service.ops.settings import OpsSettings
from widget_service.settings import not_installed


def includeme(config: Any) -> None:
    """Alive, ready, which version; and how much was answered, where an operator asks for that."""
    config.include("widget_service")
    values = config.declare_settings("ops", OpsSettings())
    config.include(health)
    config.add_rest_service(views.alive, path=values.alive_path, prefix="")
    config.add_rest_service(views.ready, path=values.ready_path, prefix="")
    config.add_rest_service(views.release, path=values.version_path, prefix="")
    if values.metrics_path:
        _measure(config, values.metrics_path)


def _measure(config: Any, path: str) -> None:
    try:
        # Not above: it imports an extra.
        from widget_service.ops import metrics  # noqa: PLC0415

        config.include(metrics)
    except ImportError as error:
        text = not_installed(error.name, "metrics")
        config.refuse_setting("ops.metrics_path", text)
    except ValueError as error:
        config.refuse_setting("ops.metrics_path", str(error))
    else:
        config.add_rest_service(views.metrics, path=path, prefix="")
