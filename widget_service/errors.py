"""Every refusal is an answer: the domain's errors, and the views that turn errors into JSON.

Four shapes of a body, never mixed:

- *validation* ``{"errors": {field: text}, "message": …}``
- *failure* ``{"status": "fail", "message": …}``
- *bare* ``{"message": …}``
- *success* ``{"status": "success", "message": …}``, which views return themselves
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

from pyramid.exceptions import BadCSRFOrigin, BadCSRFToken, URLDecodeError
from pyramid.httpexceptions import HTTPException, HTTPForbidden, HTTPMethodNotAllowed, HTTPNotFound
from pyramid.response import Response
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from widget_service.db import is_unsafe
from widget_service.logs import quoted
from widget_service.principals import AccessRefused, Refused
from widget_service.rendering import dump_json
from widget_service.retry import MORE, is_transient

log = logging.getLogger(__name__)

VALIDATION_FAILED = "Input payload validation failed"
NOT_FOUND = (
    "The requested URL was not found on the server. "
    "If you entered the URL manually please check your spelling and try again."
)
NOT_ALLOWED = "The method is not allowed for the requested URL."
INTERNAL = "Internal Server Error"
UNAVAILABLE = "The service is temporarily unavailable. Please try again later."
REFERENCE = "It refers to something that is not there any more, or something refers to it."
RETRY_AFTER = "1"
# PostgreSQL's foreign_key_violation and restrict_violation.
FOREIGN_KEY_VIOLATIONS = ("23503", "23001")
# What WebOb has no words for.
STATUSES = {421: "421 Misdirected Request"}


class ServiceError(Exception):
    """An error that knows its answer. ``body`` and ``headers`` make the response."""

    status = 500

    def __init__(self, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The bare shape."""
        return {"message": self.message}


class Forbidden(ServiceError):
    """403: whoever asks may do this in general, but not here or not now; for a view to find out.

    Pyramid's own, like its 404, is the router's: it has the standard text, whatever it is given.
    """

    status = 403


class NotFound(ServiceError):
    """404: there is no such object."""

    status = 404


class PreconditionFailed(ServiceError):
    """412: the object is not what the client thinks it is (RFC 9110, 13.1)."""

    status = 412


class TooLarge(ServiceError):
    """413: the body has more bytes than are read."""

    status = 413


class UnsupportedMediaType(ServiceError):
    """415: the body is in a format that nobody reads here."""

    status = 415


class Failure(ServiceError):
    """The failure shape; 400 for a value that is refused outside of a body."""

    status = 400

    @property
    def body(self) -> dict[str, Any]:
        """The failure shape."""
        return {"status": "fail", "message": self.message}


class Conflict(Failure):
    """409: what was sent contradicts what exists."""

    status = 409


class LoginFailed(Failure):
    """401: no such user, or another password."""

    status = 401


class Invalid(ServiceError):
    """400 in the validation shape: every field that failed, with one text each."""

    status = 400

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(VALIDATION_FAILED)
        self.errors = dict(errors)

    @property
    def body(self) -> dict[str, Any]:
        """The validation shape."""
        return {"errors": self.errors, "message": self.message}


class WrongPassword(Invalid):
    """400: the current password is another one than was sent."""


def respond(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response."""
    response = Response(
        dump_json(body), status=STATUSES.get(status, status), content_type="application/json"
    )
    response.headers.update(headers or {})
    return response


def service_error(error: ServiceError, _request: Any) -> Response:
    """Our own errors answer for themselves."""
    return respond(error.status, error.body, error.headers)


def forbidden(error: HTTPForbidden, request: Any) -> Response:
    """401 or 403 as the policy says; its words and nothing of Pyramid's, which name views."""
    refusal = error.result
    if isinstance(refusal, Refused):
        request.registry.notify(AccessRefused(request, refusal))
        headers = {"WWW-Authenticate": refusal.challenge}
        return respond(refusal.status, {"message": refusal.message}, headers)
    return respond(403, {"message": "Forbidden"})


def not_found(_error: HTTPNotFound, _request: Any) -> Response:
    """404 for a URL that is nobody's."""
    return respond(404, {"message": NOT_FOUND})


def not_allowed(error: HTTPMethodNotAllowed, request: Any) -> Response:
    """405 with the methods that are allowed; 200 to OPTIONS, which asks for them.

    RFC 9110, 9.3.7: there is no view for it.
    """
    headers = {"Allow": allowed(error.allow or ())}
    if request.method == "OPTIONS":
        response = Response(status=200)
        response.content_type = None
        response.headers.update(headers)
        return response
    return respond(405, {"message": NOT_ALLOWED}, headers)


def allowed(methods: Any) -> str:
    """The value of Allow for a resource with these methods."""
    return ", ".join(sorted({*methods, "OPTIONS"}))


def http_error(error: HTTPException, _request: Any) -> Response:
    """Whatever else Pyramid or a plugin raises: its status, headers and text, our body."""
    if error.empty_body:
        return Response(status=error.status, headerlist=error.headerlist)
    kept = {k: v for k, v in error.headers.items() if k.lower() not in _BODY_HEADERS}
    return respond(error.status_int, {"message": error.detail or error.title}, kept)


_BODY_HEADERS = ("content-type", "content-length")


def raise_returned(view: Callable[[Any, Any], Any], _info: Any) -> Callable[[Any, Any], Any]:
    """A view deriver: an HTTPException that a view returns gets the body of a raised one."""

    def raising(context: Any, request: Any) -> Any:
        response = view(context, request)
        if isinstance(response, HTTPException):
            raise response
        return response

    return raising


def undecodable(error: UnicodeDecodeError, request: Any) -> Response:
    """400 for a path or a query string that is not UTF-8; other bytes are a mistake of ours."""
    try:
        request.path_info, request.GET  # noqa: B018  (to read them is to decode them)
    except UnicodeDecodeError:
        return service_error(Invalid({"url": "The URL is not valid UTF-8"}), request)
    return unexpected(error, request)


def unavailable(error: Exception, request: Any) -> Response:
    """503: the database is away, locked or full. What was to be written is not."""
    # Not the error itself, nor what follows the driver's first line: they quote the statement.
    reason = str(getattr(error, "orig", error)).partition("\n")[0]
    level = logging.ERROR
    if is_transient(error) and request.environ.get(MORE):
        level = logging.DEBUG  # nobody gets this answer: the request is tried again
    log.log(level, "database unavailable: %s: %s", _shown(request), reason)
    return respond(503, {"message": UNAVAILABLE}, {"Retry-After": RETRY_AFTER})


def database_error(error: DBAPIError, request: Any) -> Response:
    """503 where it may work later, 409 for what refers to nothing, 500 for a wrong statement."""
    if _is_of_foreign_key(error.orig):
        log.info("refused by a foreign key: %s", _shown(request))
        return respond(409, {"message": REFERENCE})
    if error.connection_invalidated or (
        isinstance(error, OperationalError) and not _is_mistaken(error.orig, request)
    ):
        return unavailable(error, request)
    return unexpected(error, request)


def _is_mistaken(error: Any, request: Any) -> bool:
    """Is the statement wrong? To SQLite that is operational, too, as is one that may only read."""
    code = getattr(error, "sqlite_errorcode", None)
    return code == sqlite3.SQLITE_ERROR or (
        code == sqlite3.SQLITE_READONLY and not is_unsafe(request)
    )


def _is_of_foreign_key(error: Any) -> bool:
    if getattr(error, "sqlstate", None) in FOREIGN_KEY_VIOLATIONS:
        return True
    # Of ON DELETE RESTRICT it says what it says of a trigger.
    codes = (sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY, sqlite3.SQLITE_CONSTRAINT_TRIGGER)
    code = getattr(error, "sqlite_errorcode", None)
    return code in codes and str(error) == "FOREIGN KEY constraint failed"


def unexpected(error: Exception, request: Any) -> Response:
    """500 for a mistake of ours: everything for the log, nothing for the client."""
    log.error("unexpected error: %s", _shown(request), exc_info=error)
    return respond(500, {"message": INTERNAL})


def _shown(request: Any) -> str:
    """The method and the path of a request, for a log line."""
    return f"{quoted(request.method)} {quoted(request.environ.get('PATH_INFO', ''))}"


VIEWS: tuple[tuple[type[Exception], Any], ...] = (
    (Exception, unexpected),
    (DBAPIError, database_error),
    (PoolTimeoutError, unavailable),
    # The first comes from a query string, the second from a path: Pyramid has a view for it.
    (UnicodeDecodeError, undecodable),
    (URLDecodeError, undecodable),
    # Those that Pyramid has a view of its own for: one for their base class would lose to it.
    (HTTPException, http_error),
    (BadCSRFOrigin, http_error),
    (BadCSRFToken, http_error),
    (HTTPMethodNotAllowed, not_allowed),
    (ServiceError, service_error),
)


def includeme(config: Any) -> None:
    """Register the views, and have every error end in one of them."""
    config.add_view_deriver(raise_returned)
    for context, view in VIEWS:
        config.add_exception_view(view, context=context)
    config.add_notfound_view(not_found)
    config.add_forbidden_view(forbidden)
