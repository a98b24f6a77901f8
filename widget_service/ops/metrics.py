"""Counts and times of answers, for Prometheus, where an operator asks for them.

A process knows its own. Where several share a port, so that nobody can ask for one of them, they
share a folder, PROMETHEUS_MULTIPROC_DIR in the environment, and each answers for all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from widget_service.retry import is_tried_again, once

FOLDER = "PROMETHEUS_MULTIPROC_DIR"

# Whoever makes up methods and paths makes up no labels, of which each stays for ever.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


class Metrics:
    """What one application has answered."""

    def __init__(self) -> None:
        """:raises ValueError: the folder that processes share is not there"""
        own = CollectorRegistry()
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the first attempt to answer a request to its answer",
            ("method", "route", "status"),
            registry=own,
        )
        if FOLDER in os.environ:
            own = CollectorRegistry()
            MultiProcessCollector(own)  # type: ignore[no-untyped-call]  # it has no types
        else:
            ProcessCollector(registry=own)
            PlatformCollector(registry=own)
        self._known = own

    def written(self, accept: str) -> tuple[bytes, str]:
        """All of it in a format that somebody accepts, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._known), content_type


def tween_factory(handler: Callable[[Any], Any], registry: Any) -> Callable[[Any], Any]:
    """Count every response, errors included; of several attempts at a request the last one."""
    seconds = registry.metrics.seconds

    def metrics_tween(request: Any) -> Any:
        began = once(request, Metrics, time.perf_counter)
        response = handler(request)
        if not is_tried_again(request):
            method = request.method if request.method in METHODS else OTHER
            took = time.perf_counter() - began
            seconds.labels(method, _route(request), response.status_int).observe(took)
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
