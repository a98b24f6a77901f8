"""What an answer took, for whoever looks for a slow one: Server-Timing, off by default."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import colander
from pyramid.config import PHASE3_CONFIG
from pyramid.interfaces import ITweens

from widget_service.fields import Flag
from widget_service.settings import setting


class TimingSettings(colander.MappingSchema):
    """``timing.*``"""

    header = setting(
        Flag(),
        default=False,
        help_text="Tell every client, in the header Server-Timing, how many milliseconds an answer "
        "took and how many SQL statements.",
    )


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Add the header to every response, errors included (W3C Server Timing)."""
    # A request is answered in one thread.
    this_thread = threading.local()

    def count(_statement: str) -> None:
        # Others are sent too, by commands and when the service starts.
        this_thread.statements = getattr(this_thread, "statements", 0) + 1

    registry.database.observe(count)

    def timing_tween(request: Any) -> Any:
        this_thread.statements = 0
        began = time.perf_counter()
        response = handler(request)
        took = (time.perf_counter() - began) * 1000
        response.headers["Server-Timing"] = (
            f'total;dur={took:.2f}, sql;desc="{this_thread.statements} statements"'
        )
        return response

    return timing_tween


def includeme(config: Any) -> None:
    """Put the tween outside of all others, where it is asked for."""
    if config.declare_settings("timing", TimingSettings()).header:
        # After every plugin has added its tweens: the last one added is the outermost.
        config.action("timing", _add_tween, args=(config.registry,), order=PHASE3_CONFIG + 2)


def _add_tween(registry: Any) -> None:
    tweens = registry.getUtility(ITweens)
    tweens.add_implicit("widget_service.timing.tween_factory", tween_factory)
