"""Root, the parent of every context: administrators may do everything below it."""

from __future__ import annotations

from typing import Any, ClassVar

from pyramid.authorization import ALL_PERMISSIONS, Allow
from pyramid.traversal import ResourceTreeTraverser

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
    # Whether to look up who asks before there is a transaction. A view sets it that waits for
    # something, such as another service, before it writes: on SQLite everybody else who writes
    # would wait for it, as its transaction begins with the first look at the database.
    before_transaction: ClassVar[bool] = False

    def __init__(self, request: Any) -> None:
        self.request = request
        self.__parent__: Any = Root(request)


class Arrival:
    """Pyramid's traverser for contexts: a route that leads to one has arrived.

    Unless it says itself that there is more to come, with ``*traverse`` or ``*subpath``. Pyramid's
    own traverser would go where a header of the client's says, too (X-Vhm-Root).
    """

    def __init__(self, context: Any) -> None:
        self._context = context

    def __call__(self, request: Any) -> dict[str, Any]:
        """As :class:`pyramid.interfaces.ITraverser` wants it."""
        context, matched = self._context, request.matchdict
        if matched is None or "traverse" in matched or "subpath" in matched:
            return ResourceTreeTraverser(context)(request)  # type: ignore[no-any-return]
        return {
            "context": context,
            "view_name": "",
            "subpath": (),
            "traversed": (),
            "virtual_root": context,
            "virtual_root_path": (),
            "root": context,
        }


def includeme(config: Any) -> None:
    """Set Root as the default root factory, and how contexts are traversed."""
    config.set_root_factory(Root)
    config.add_traverser(Arrival, Context)
