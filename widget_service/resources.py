"""Root, the parent of every context: administrators may do everything below it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from pyramid.authorization import ALL_PERMISSIONS, Allow
from pyramid.traversal import ResourceTreeTraverser
from sqlalchemy.orm import Session

from widget_service.db import Rows, is_unsafe
from widget_service.errors import NotFound
from widget_service.fields import shown
from widget_service.principals import ADMINISTRATOR


class Root:
    """The root of the lineage, and the context of a route that has no factory."""

    __parent__ = None
    __name__ = ""
    __acl__: ClassVar = [(Allow, ADMINISTRATOR, ALL_PERMISSIONS)]

    def __init__(self, request: Any) -> None:
        self.request = request


class Context:
    """What a plugin's contexts have in common: their request, and a parent.

    A context that has a method ``load()``, as :class:`ObjectContext` has, looks there for what the
    path stands for, and raises :class:`widget_service.errors.NotFound` where there is none. It runs
    after the permission check and before the validation of the request: a stranger must not learn
    what exists.
    """

    __name__: str | None = None
    # What makes the context above, whose ACL holds here, too: for a member, that of the collection.
    parent: ClassVar[type] = Root
    # What Pyramid takes: entries, or a function that returns some.
    __acl__: ClassVar[Any] = ()
    # Whether to look up who asks, and what for, before there is a transaction. A view sets it that
    # waits for something, such as another service, before it writes: on SQLite everybody else who
    # writes would wait for it, as its transaction begins with the first look at the database.
    before_transaction: ClassVar[bool] = False

    def __init__(self, request: Any) -> None:
        self.request = request
        self.__parent__: Any = self.parent(request)


class ObjectContext(Context):
    """The context of one object::

        class OneGadget(ObjectContext):
            parent = Gadgets
            missing = "There is no gadget {code}."

            def find(self, rows):
                return workshop.find(rows, self.request.matchdict["code"])

            def lock(self, session):
                return workshop.lock(session, self.request.matchdict["code"])

    ``found`` is what ``find`` answered for a request that reads, and ``lock`` for one that writes.
    With ``before_transaction`` it is of ``find`` in either case, and nothing is locked until the
    view calls :meth:`lock_found`.
    """

    # What a client reads where there is none; with the parts of the path in braces.
    missing: ClassVar[str] = "There is no such object."
    # The methods that make the object where there is none: ``found`` is None for them.
    creating: ClassVar[Collection[str]] = ()

    found: Any = None

    def find(self, rows: Rows) -> Any:
        """What is shown of the object, read with ``rows``; None where there is none."""
        raise NotImplementedError

    def lock(self, session: Session) -> Any:
        """The object, kept from others until the transaction ends; None where there is none."""
        raise NotImplementedError

    def load(self) -> None:
        """Find the object.

        :raises NotFound: there is none
        """
        request = self.request
        if is_unsafe(request) and not self.before_transaction:
            self.lock_found()
        else:
            # Outside of any transaction, which for a request that reads is what ``rows`` are, too.
            self._keep(self.find(request.read))

    def lock_found(self) -> None:
        """Lock the object, in the transaction: ``found`` is what ``lock`` answers.

        For a view with ``before_transaction``, when it has done with waiting.

        :raises NotFound: it has gone meanwhile
        """
        self._keep(self.lock(self.request.dbsession))

    def _keep(self, found: Any) -> None:
        if found is None and self.request.method not in self.creating:
            raise self.absent()
        self.found = found

    def absent(self) -> NotFound:
        """The error for an object that is not there."""
        return NotFound(shown(self.missing.format_map(self.request.matchdict)))


class Arrival(ResourceTreeTraverser):
    """Pyramid's traverser for contexts: a route that leads to one has arrived.

    Unless it says itself that there is more to come, with ``*traverse`` or ``*subpath``.
    """

    # Pyramid's goes where this header says, too (X-Vhm-Root), and any client may send it.
    VH_ROOT_KEY = None

    def __call__(self, request: Any) -> dict[str, Any]:
        """As :class:`pyramid.interfaces.ITraverser` wants it."""
        context, matched = self.root, request.matchdict
        if matched is None or "traverse" in matched or "subpath" in matched:
            return super().__call__(request)  # type: ignore[no-any-return]
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
    """Set Root as the default root factory, and how it and contexts are traversed."""
    config.set_root_factory(Root)
    config.add_traverser(Arrival, Root)
    config.add_traverser(Arrival, Context)
