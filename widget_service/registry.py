"""The application's registry, in which an event that nobody waits for costs nothing.

Pyramid tells of each request four times what happens to it. As soon as anybody subscribes to
anything at all, it looks for subscribers each time, which takes a tenth of a short request.
"""

from __future__ import annotations

from typing import Any

from pyramid.registry import Registry
from zope.interface import providedBy


class QuietRegistry(Registry):
    """Pyramid's registry; it remembers of which events it has no subscribers."""

    def __init__(self, package_name: str) -> None:
        # The classes of events that nobody had subscribed to when one happened.
        self._unheard: set[type] = set()
        super().__init__(package_name)

    def registerHandler(self, *args: Any, **options: Any) -> Any:  # noqa: N802  (Pyramid's)
        """Register a subscriber."""
        self._unheard.clear()
        return super().registerHandler(*args, **options)

    def notify(self, *events: Any) -> None:
        """Tell subscribers of an event."""
        kind = type(events[0])
        if kind in self._unheard:
            return
        if len(events) == 1 and not self.adapters.subscriptions([providedBy(events[0])], None):
            self._unheard.add(kind)
            return
        super().notify(*events)
