"""What the documentation answers. All of it is public, and none of it documents itself."""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from pyramid.response import FileResponse, Response
from pyramid.security import NO_PERMISSION_REQUIRED

from widget_service import settings
from widget_service.contexts import plain_path
from widget_service.docs.operations import documented
from widget_service.errors import NotFound
from widget_service.rest import Service

Public = partial(Service, permission=NO_PERMISSION_REQUIRED, documented=False)

root = Public("docs.root", "/")
swagger_json = Public("docs.swagger", "/swagger.json")
openapi_json = Public("docs.openapi", "/openapi.json")
# Its path is the prefix itself, without a slash.
prefix = Public("docs.prefix", "/prefix")
# Their paths follow the setting docs.ui_path.
ui = Public("docs.ui", "/ui")
asset = Public("docs.asset", "/static/{file}")

HERE = Path(__file__).parent
PAGE = HERE / "page.html"
STATIC = HERE / "static"
TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", "": "text/plain"}

# Scripts, styles and requests from and to here alone. Swagger UI needs no 'unsafe-inline': it sets
# the styles of elements by script, which is no inline style to a browser. Its icons are data: URLs.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


def base_path(request: Any) -> str:
    """The path that all services of the application are below, as a URL has it."""
    return quote(request.script_name) + str(settings.of(request.registry, "rest").prefix)


@root.get()
@prefix.get()
def get_root(request: Any) -> dict[str, Any]:
    """What this is, and where everything is; links may be templates (RFC 6570)."""
    registry = request.registry
    values = settings.of(registry, "docs")
    base = base_path(request)
    own = {
        "self": root.path,
        "ui": values.ui_path,
        "swagger.json": swagger_json.path,
        "openapi.json": openapi_json.path,
    }
    others = {service.name: plain_path(service.path) for service in documented(registry)}
    return {
        "name": values.title,
        "version": values.version,
        "plugins": list(settings.of(registry, "pyramid").includes),
        "links": {name: base + path for name, path in {**own, **others}.items()},
    }


@swagger_json.get()
def get_swagger(request: Any) -> dict[str, Any]:
    """Swagger 2.0."""
    return {**request.registry.documents.swagger, "basePath": base_path(request)}


@openapi_json.get()
def get_openapi(request: Any) -> dict[str, Any]:
    """OpenAPI 3.1."""
    return {**request.registry.documents.openapi, "servers": [{"url": base_path(request)}]}


@ui.get()
def get_ui(request: Any) -> Response:
    """Swagger UI."""
    values = settings.of(request.registry, "docs")
    base = base_path(request)
    page = Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(values.title),
        document=escape(base + openapi_json.path),
        static=escape(base + values.ui_path + "/static"),
    )
    response = Response(page, content_type="text/html", charset="utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    return _sealed(response)


@asset.get()
def get_asset(request: Any) -> Response:
    """A file that the page needs.

    :raises NotFound: it is none of them
    """
    name = request.matchdict["file"]
    # Compared with what is there, never joined to a path.
    found = {file.name: file for file in STATIC.iterdir() if file.suffix in TYPES}.get(name)
    if found is None:
        raise NotFound(f"{name} not found.")
    # Nobody needs a part of one, and WebOb would refuse a wrong one in plain text.
    request.range = None
    response = FileResponse(found, request, content_type=TYPES[found.suffix])
    # Not cache_expires, which calls utcnow, which Python is about to remove.
    response.cache_control.max_age = settings.of(request.registry, "docs").asset_max_age
    response.cache_control.public = True
    response.charset = "utf-8"
    return _sealed(response)


def _sealed(response: Response) -> Response:
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
