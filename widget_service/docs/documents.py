"""The documents of one application."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from widget_service import settings
from widget_service.docs import openapi, swagger


class Documents:
    """Both documents, made when somebody first asks: by then every plugin is there.

    They lack the path that the application is mounted at, which a request knows.
    """

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    @cached_property
    def swagger(self) -> dict[str, Any]:
        """Swagger 2.0."""
        return swagger.build(self._registry, settings.of(self._registry, "docs"))

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """OpenAPI 3.1."""
        return openapi.convert(self.swagger)


def includeme(config: Any) -> None:
    """Keep them with the application: another one in the process has others."""
    config.registry.documents = Documents(config.registry)
