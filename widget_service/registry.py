"""The application's registry, in which what happens to a request costs nothing if nobody listens.

Pyramid makes four events of each request. As soon as anybody subscribes to anything at all, it
looks each time for those who subscribe to these, which takes a tenth of a short request.
"""

from __future__ import annotations

from typing import Any

from pyramid.events import BeforeTraversal, ContextFound, NewRequest, NewResponse
from pyramid.registry import Registry
from zope.interface import implementedBy

OF_REQUESTS = (NewRequest, BeforeTraversal, ContextFound, NewResponse)


class QuietRegistry(Registry):
    """Pyramid's registry; it has listeners where somebody listens to the events of requests."""

    # The generation and the answer, in one tuple: threads may look at the same time.
    _heard: tuple[int, bool] | None = None

    @property
    def has_listeners(self) -> bool:
        """Pyramid's router asks before it makes one of its events."""
        # It counts whatever changes, in the registries that this one is based on as well.
        generation = self.adapters._generation  # noqa: SLF001  (no public way)
        heard = self._heard
        if heard is None or heard[0] != generation:
            found = any(
                self.adapters.subscriptions([implementedBy(event)], None) for event in OF_REQUESTS
            )
            heard = self._heard = (generation, found)
        return heard[1]

    @has_listeners.setter
    def has_listeners(self, _value: bool) -> None:
        """Pyramid sets it when somebody has subscribed to anything: so look again."""
        self._heard = None

    def notify(self, *events: Any) -> None:
        """Tell subscribers of an event."""
        self.subscribers(events, None)
