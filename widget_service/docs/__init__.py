"""Documentation: what the service offers, for machines and in a browser.

Everything that the plugin adds to an application is named here.
"""

from __future__ import annotations

from typing import Any

from widget_service.docs import commands, documents, routes, settings


def includeme(config: Any) -> None:
    """Settings, the two documents, the services that show them and the command that prints one."""
    config.include("widget_service")
    config.include(settings)
    config.include(documents)
    config.include(routes)
    config.include(commands)
