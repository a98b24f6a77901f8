"""Throttling: how often one may log in, register and write, by address, account and user.

Other plugins know nothing of it. Everything that the plugin adds to an application is named here.
"""

from __future__ import annotations

from typing import Any

from widget_service.throttle import guards, limiting, settings


def includeme(config: Any) -> None:
    """Settings, the counters, and a view deriver that asks them before each view that writes."""
    config.include("widget_service")
    config.include(settings)
    config.include(limiting)
    config.include(guards)
