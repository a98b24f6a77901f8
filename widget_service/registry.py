"""The application's registry, in which an event that nobody waits for costs nothing.

Pyramid tells of each request four times what happens to it. As soon as anybody subscribes to
anything at all, it looks for subscribers each time, which takes a tenth of a short request.
"""

from __future__ import annotations

from typing import Any

from pyramid.registry import Registry
from zope.interface import providedBy


class QuietRegistry(Registry):
    """Pyramid's registry; it remembers of which kinds of events there are no subscribers."""

    def __init__(self, package_name: str) -> None:
        # What those provide that nobody had subscribed to when one happened, and as of when.
        self._unheard: set[Any] = set()
        self._generation = -1
        super().__init__(package_name)

    def notify(self, *events: Any) -> None:
        """Tell subscribers of an event."""
        if len(events) == 1 and self._is_unheard(providedBy(events[0])):
            return
        super().notify(*events)

    def _is_unheard(self, provided: Any) -> bool:
        # It counts whatever changes, in the registries that this one is based on as well.
        generation = self.adapters._generation  # noqa: SLF001  (no public way)
        if generation != self._generation:
            self._unheard, self._generation = set(), generation
        if provided in self._unheard:
            return True
        if self.adapters.subscriptions([provided], None):
            return False
        self._unheard.add(provided)
        return True
