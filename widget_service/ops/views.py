"""What a process answers about itself. All of it is public, and not part of the API."""

from __future__ import annotations

from functools import partial
from importlib.metadata import version
from typing import Any

from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED

from widget_service.errors import RETRY_AFTER, ServiceError
from widget_service.rest import Service
from widget_service.serving import DRAINING

# Looked up once: to find it reads what is installed.
VERSION = version("widget_service")

Public = partial(Service, permission=NO_PERMISSION_REQUIRED, documented=False)

# Their paths follow the settings.
alive = Public("ops.alive", "/alive")
ready = Public("ops.ready", "/ready")
release = Public("ops.version", "/version")
metrics = Public("ops.metrics", "/metrics")


class NotReady(ServiceError):
    """503: requests had better go to another process."""

    status = 503

    def __init__(self, message: str) -> None:
        super().__init__(message, {"Retry-After": RETRY_AFTER, "Cache-Control": "no-store"})


@alive.get()
def get_alive(request: Any) -> dict[str, Any]:
    """The process answers; whether it is of use is another question."""
    request.response.cache_control = "no-store"
    return {"message": "alive"}


@ready.get()
def get_ready(request: Any) -> dict[str, Any]:
    """The process can serve.

    :raises NotReady: the database is away or behind, or the process is about to stop
    """
    if DRAINING in request.environ:
        raise NotReady("The process is about to stop.")
    complaint = request.registry.health.complaint(request.read)
    if complaint is not None:
        raise NotReady(complaint)
    request.response.cache_control = "no-store"
    return {"message": "ready"}


@release.get()
def get_version(request: Any) -> dict[str, Any]:
    """Which release this is."""
    request.response.cache_control = "no-store"
    return {"name": "widget_service", "version": VERSION}


@metrics.get()
def get_metrics(request: Any) -> Response:
    """How much the application has answered, and in what time, for Prometheus."""
    body, content_type = request.registry.metrics.written(request.headers.get("Accept", ""))
    response = Response(body)
    response.headers["Content-Type"] = content_type
    response.cache_control = "no-store"
    return response
