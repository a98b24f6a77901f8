"""Documentation: what the service offers, for machines and in a browser.

Everything that the plugin adds to an application is named here.
"""

from __future__ import annotations

from typing import Any

from widget_service.docs import commands, documents, views
from widget_service.docs.settings import DocsSettings
from widget_service.settings import of


def includeme(config: Any) -> None:
    """Settings, the two documents, the services that show them and the command that prints one."""
    config.include("widget_service")
    values = config.declare_settings("docs", DocsSettings())
    config.include(documents)
    config.add_rest_service(views.prefix, path=of(config.registry, "rest").prefix, prefix="")
    config.add_rest_service(views.root)
    config.add_rest_service(views.swagger_json)
    config.add_rest_service(views.openapi_json)
    config.add_rest_service(views.ui, path=values.ui_path)
    config.add_rest_service(views.asset, path=values.ui_path + views.asset.path)
    config.add_command(
        "print-swagger",
        commands.print_swagger,
        help="print the Swagger 2.0 document",
        unmigrated=True,
    )
