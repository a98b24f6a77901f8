"""What is around every view: which hosts are answered, and headers of responses.

Most of it is outside of all that plugins add, in whatever order those are included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid.config import PHASE3_CONFIG
from pyramid.interfaces import ITweens


def add_outermost_tween(config: Any, factory: Callable[[Any, Any], Any]) -> None:
    """Put a tween around all that are there when every plugin has added its own (a directive).

    ``add_tween`` is too early for that, whenever it is called. Of several the last one is the
    outermost.

    :param factory: a function of a module, which takes a handler and the registry
    """
    name = f"{factory.__module__}.{factory.__name__}"

    def add() -> None:
        config.registry.getUtility(ITweens).add_implicit(name, factory)

    config.action(("outermost tween", name), add, order=PHASE3_CONFIG + 1)


def includeme(config: Any) -> None:
    """The tweens, from the inner one to the outermost."""
    config.add_directive("add_outermost_tween", add_outermost_tween)
    config.include(".hosts")
    config.include(".headers")
    config.include(".cors")
    config.include(".timing")
