"""Counts and times of answers, for Prometheus, where an operator asks for them.

A process knows its own. Where several share a port, so that nobody can ask for one of them, they
share a folder, PROMETHEUS_MULTIPROC_DIR in the environment, and each answers for all.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from widget_service.retry import is_tried_again, once

log = logging.getLogger(__name__)

# How often it is logged that nothing can be written, in seconds.
INTERVAL = 60.0
FOLDER = "PROMETHEUS_MULTIPROC_DIR"

# Whoever makes up methods and paths makes up no labels, of which each stays for ever.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


class Metrics:
    """What one application has answered."""

    def __init__(self) -> None:
        """:raises ValueError: the folder that processes share is not there"""
        self._known = CollectorRegistry()
        self._complained_at = -INTERVAL
        if FOLDER in os.environ:
            MultiProcessCollector(self._known)  # type: ignore[no-untyped-call]  # it has no types
            self._seconds = _seconds_of_process()
        else:
            self._seconds = _seconds(self._known)
            ProcessCollector(registry=self._known)
            PlatformCollector(registry=self._known)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Take note of an answer; where that cannot be written, the client gets it all the same."""
        try:
            self._seconds.labels(method, route, status).observe(seconds)
        except OSError as error:
            if time.monotonic() - self._complained_at >= INTERVAL:
                self._complained_at = time.monotonic()
                log.error("metrics cannot be written: %s", error)  # noqa: TRY400  (not its fault)

    def written(self, accept: str) -> tuple[bytes, str]:
        """All of it in a format that somebody accepts, and its content type."""
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # of a version that is none
            encode, content_type = choose_encoder("")
        return encode(self._known), content_type


def _seconds(registry: CollectorRegistry) -> Histogram:
    return Histogram(
        "http_request_duration_seconds",
        "Time from the first attempt to answer a request to its answer",
        ("method", "route", "status"),
        registry=registry,
    )


@functools.cache
def _seconds_of_process() -> Histogram:
    """That of all applications of a process: in the folder there is one of each name."""
    return _seconds(CollectorRegistry())


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Count every response, errors included; of several attempts at a request the last one."""
    count = registry.metrics.count

    def metrics_tween(request: Any) -> Any:
        began = once(request, Metrics, time.perf_counter)
        response = handler(request)
        if not is_tried_again(request):
            method = request.method if request.method in METHODS else OTHER
            count(method, _route(request), response.status_int, time.perf_counter() - began)
        return response

    return metrics_tween


def _route(request: Any) -> str:
    """The pattern of the path, such as /api/v1/widgets/{name}."""
    route = getattr(request, "matched_route", None)
    # Below a prefix Pyramid leaves the slash out.
    return f"/{route.pattern.removeprefix('/')}" if route else OTHER


def includeme(config: Any) -> None:
    """Make ``registry.metrics``, and a tween outside of all others that counts for it."""
    config.registry.metrics = Metrics()
    config.add_outermost_tween(tween_factory)
