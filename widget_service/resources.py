"""Root, the parent of every context: administrators may do everything below it."""

from __future__ import annotations

from typing import Any, ClassVar

from pyramid.authorization import ALL_PERMISSIONS, Allow

from widget_service.principals import ADMINISTRATOR


class Root:
    """The root of the lineage, and the context of a route that has no factory."""

    __parent__ = None
    __name__ = ""
    __acl__: ClassVar = [(Allow, ADMINISTRATOR, ALL_PERMISSIONS)]

    def __init__(self, request: Any) -> None:
        self.request = request


class Context:
    """What a plugin's contexts have in common: their request, and Root as their parent.

    A context that stands for one object has a method ``load()``, which finds the object or
    raises :class:`widget_service.errors.NotFound`. It runs after the permission check and before
    the validation of the request: a stranger must not learn what exists.
    """

    __name__: str | None = None
    # What Pyramid takes: entries, or a function that returns some.
    __acl__: ClassVar[Any] = ()

    def __init__(self, request: Any) -> None:
        self.request = request
        self.__parent__: Any = Root(request)


def includeme(config: Any) -> None:
    """Set Root as the default root factory."""
    config.set_root_factory(Root)
