"""Operations: what load balancers and their like ask a process about itself.

Everything that the plugin adds to an application is named here.
"""

from __future__ import annotations

from typing import Any

from widget_service.ops import routes, settings


def includeme(config: Any) -> None:
    """Settings, and the services."""
    config.include("widget_service")
    config.include(settings)
    config.include(routes)
