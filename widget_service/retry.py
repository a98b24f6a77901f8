"""Trying a write again that another one was in the way of.

A database that keeps transactions as if each were alone (``sqlalchemy.isolation_level =
SERIALIZABLE``), and one that found two of them waiting for each other, refuses one: it may well
succeed when all of it is done once more. So all of the request is, in a new transaction.

Not by pyramid_retry, which nobody keeps up: it reads a body before anybody looked how long it is,
and costs requests that only read.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

import colander
from pyramid.request import Request
from sqlalchemy.exc import DBAPIError

from widget_service import leftovers, settings
from widget_service.database.stale_plans import is_stale
from widget_service.db import SAFE_METHODS
from widget_service.fields import WholeNumber
from widget_service.settings import setting

log = logging.getLogger(__name__)

Kept = TypeVar("Kept")

# serialization_failure and deadlock_detected. Not all of class 40: after 40003 nobody knows
# whether the transaction took place.
SQLSTATES = frozenset({"40001", "40P01"})

# The longest pause before the second attempt, in seconds; it doubles from one to the next.
PAUSE = 0.01
LONGEST_PAUSE = 0.5

# In the environment, which all attempts of a request share.
MORE = "widget_service.more_attempts"
KEPT = "widget_service.kept"


class RetrySettings(colander.MappingSchema):
    """``retry.*``"""

    attempts = setting(
        WholeNumber(),
        "How often a request that writes is tried that another one was in the way of, before it "
        "is answered 503.",
        colander.Range(1, 100),
        default=3,
    )


def is_transient(error: BaseException | None) -> bool:
    """Was the transaction refused for no fault of its own?"""
    if not isinstance(error, DBAPIError):
        return False
    return getattr(error.orig, "sqlstate", None) in SQLSTATES or is_stale(error.orig)


def is_tried_again(request: Request) -> bool:
    """Does nobody get the answer of this attempt, which is over?"""
    if not (request.environ.get(MORE) and is_transient(request.exception)):
        return False
    # Waitress's input is a file; WebOb makes one of any other when somebody asks for the body.
    return not request.content_length or hasattr(request.body_file_raw, "seek")


def once(request: Request, key: object, make: Callable[[], Kept]) -> Kept:
    """What ``make`` answers, called at the first attempt alone: for what is slow.

    :param key: one for each thing that is kept, with all that it was made of
    """
    kept: dict[object, Kept] = request.environ.setdefault(KEPT, {})
    if key not in kept:
        kept[key] = make()
    return kept[key]


def execution_policy(environ: dict[str, Any], router: Any) -> Any:
    """Pyramid's execution policy: an answer to the request, and nothing left of its body."""
    stream = leftovers.arriving(environ)
    response = _answer(environ, router)
    if stream is not None:
        leftovers.drop(stream, settings.of(router.registry, "rest").max_body_size)
    return response


def _answer(environ: dict[str, Any], router: Any) -> Any:
    """The answer to the request, of the first attempt or a later one."""
    # A request without a transaction has nothing that could be in anybody's way.
    if environ["REQUEST_METHOD"] in SAFE_METHODS:
        return _attempt(environ, router)[0]
    attempts = settings.of(router.registry, "retry").attempts
    for number in range(1, attempts):
        environ[MORE] = True
        response, again = _attempt(environ, router)
        if not again:
            return response
        log.info("attempt %d of %d was in the way of another request", number, attempts)
        # Not in step with it.
        longest = min(PAUSE * 2 ** (number - 1), LONGEST_PAUSE)
        time.sleep(random.uniform(0, longest))  # noqa: S311  (no secret)
    environ[MORE] = False
    return _attempt(environ, router)[0]


def _attempt(environ: dict[str, Any], router: Any) -> tuple[Any, bool]:
    """The answer to the request, and whether another attempt may have a better one."""
    with router.request_context(environ) as request:
        response = router.invoke_request(request)
        again = is_tried_again(request)
        if again and hasattr(request.body_file_raw, "seek"):
            request.body_file_raw.seek(0)
            # WebOb's wrapper around it counts what is left, and would say that nothing is.
            request.environ.pop("webob._body_file", None)
        # Whoever makes a body while it is sent may still want to know all of the request.
        if isinstance(getattr(response, "app_iter", None), list):
            _untie(request)
        return response, again


def _untie(request: Request) -> None:
    """Part a request from what knows it in turn, as Pyramid does with its context.

    So most are gone at once, and the next one uses their memory again. Left to the garbage
    collector they would pile up, and cost more time than it takes to answer some of them. It still
    has those to do of which the traceback of an error knows.
    """
    known = vars(request)
    for name in ("root", "virtual_root", "exception", "exc_info"):
        known.pop(name, None)
    # The parsed query knows the environment.
    request.environ.pop("webob._parsed_query_vars", None)


def includeme(config: Any) -> None:
    """Set the execution policy."""
    config.declare_settings("retry", RetrySettings())
    config.set_execution_policy(execution_policy)
