"""What an answer took, for whoever looks for a slow one: Server-Timing, off by default."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import colander

from widget_service.fields import Flag
from widget_service.retry import once
from widget_service.settings import setting


class TimingSettings(colander.MappingSchema):
    """``timing.*``"""

    header = setting(
        Flag(),
        "Tell every client, in the header Server-Timing, how many milliseconds an answer "
        "took and how many SQL statements.",
        default=False,
    )


class Spent:
    """What a request takes, all its attempts together."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.statements = 0

    def __str__(self) -> str:
        """The value of the header (W3C Server Timing)."""
        took = (time.perf_counter() - self.began) * 1000
        return f'total;dur={took:.2f}, sql;desc="{self.statements} statements"'


class ThisThread(threading.local):
    """A request is answered in one thread; statements outside of any are counted for nobody."""

    spent = Spent()


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Add the header to every response, errors included."""
    this_thread = ThisThread()

    def count(_statement: str) -> None:
        this_thread.spent.statements += 1

    registry.database.observe(count)

    def timing_tween(request: Any) -> Any:
        this_thread.spent = once(request, Spent, Spent)
        response = handler(request)
        response.headers["Server-Timing"] = str(this_thread.spent)
        return response

    return timing_tween


def includeme(config: Any) -> None:
    """Put the tween outside of all others, where it is asked for."""
    if config.declare_settings("timing", TimingSettings()).header:
        config.add_outermost_tween(tween_factory)
