"""How fast the servers are when the application does nothing: a constant body, nobody checked."""

from __future__ import annotations

import logging

from pyramid.config import Configurator
from pyramid.response import Response

# Waitress would log a line for each request that waits for a thread.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

# As long as a widget's.
BODY = b'{"name":"' + b"x" * 560 + b'"}'
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def view(_request):
    """The constant, as a Response."""
    return Response(BODY, content_type="application/json")


def pyramid_application():
    """A Pyramid application with one view and nothing else."""
    with Configurator() as config:
        config.add_route("widget", "/api/v1/widgets/{name}")
        config.add_view(view, route_name="widget")
        return config.make_wsgi_app()


def wsgi(_environ, start_response):
    """A WSGI application without a framework."""
    start_response("200 OK", HEADERS)
    return [BODY]


pyramid = pyramid_application()
