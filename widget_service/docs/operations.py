"""What can come of a request to a service: the statuses that follow from its declaration.

A view only declares the answers that are its own. Those that the core gives on its behalf, such
as 401 for whatever needs a permission, are derived here, for the services of all plugins alike.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import colander
from pyramid.security import NO_PERMISSION_REQUIRED

from widget_service import bodies, rest
from widget_service.answers import Bare, Challenge, Patience, Validation, response_key
from widget_service.contexts import context_of, plain_path
from widget_service.fields import Text
from widget_service.principals import UNDECLARED, for_everyone, for_users

# The name of the security definition.
SECURITY = "bearer"

ANSWERS: dict[str, tuple[type[colander.MappingSchema], str]] = {
    "400": (Validation, "A field, a parameter or the URL is not valid; all fields are named."),
    "401": (Bare, "There is no token, or it is invalid, expired or logged out."),
    "403": (Bare, "The token is valid, but its user may not do this."),
    "404": (Bare, "There is no such object."),
    "412": (Bare, "The object is not what If-Match or If-None-Match expect."),
    "413": (Bare, "The body is too large."),
    "415": (Bare, "The body is neither a form nor JSON, not in UTF-8, or compressed."),
    "500": (Bare, "A mistake of the service."),
    "503": (Bare, "The service cannot reach its database at the moment."),
}

# Headers that every answer with the status has, whoever declares it; of 403 the policy's alone.
HEADERS: dict[str, type[colander.MappingSchema]] = {
    "401": Challenge,
    "403": Challenge,
    "503": Patience,
}


class Preconditions(colander.MappingSchema):
    """Request headers of an operation that calls ``check_preconditions``."""

    if_match = response_key(
        Text(), "Only if this is its ETag.", name="If-Match", missing=colander.drop
    )
    if_none_match = response_key(
        Text(), "Only if this is not its ETag.", name="If-None-Match", missing=colander.drop
    )


def documented(registry: Any) -> Iterator[rest.Service]:
    """The services of this application that are to be shown, in the order of registration."""
    for item in registry.introspector.get_category("services"):
        service = item["introspectable"]["service"]
        if getattr(service, "documented", True):
            yield service


def refusals_of(
    registry: Any, service: rest.Service, method: str, args: dict[str, Any]
) -> set[str]:
    """How the security policy may refuse somebody, by the ACLs: the view may refuse more."""
    return _refusals(context_of(registry, service, method), args)


def described(registry: Any, service: rest.Service) -> rest.Service:
    """A copy of ``service`` whose declaration is complete.

    Each operation has all its answers, the security it asks for, an identifier, and schemas that
    are bound to the application and may be changed.
    """
    copied = copy.copy(service)
    copied.path = plain_path(service.path)
    copied.definitions = [
        (method, view, _complete(registry, service, method, args))
        for method, view, args in service.definitions
        if method not in ("HEAD", "OPTIONS")
    ]
    return copied


def _complete(
    registry: Any, service: rest.Service, method: str, args: dict[str, Any]
) -> dict[str, Any]:
    schema = _bound(registry, args.get("schema") or colander.MappingSchema())
    context = context_of(registry, service, method)
    declared = {
        **_plugins_answers(registry, service, method, args),
        **args.get("response_schemas", {}),
    }
    refusals = _refusals(context, args)
    statuses = {"500", "503"} | refusals | _mistakes(schema)
    # A PUT that creates what is not there misses nothing.
    if hasattr(context, "load") and not (method == "PUT" and "201" in declared):
        statuses.add("404")
    if args.get("preconditions"):
        statuses.add("412")
        schema.add(Preconditions(name="header"))
    completed = {
        "operation_id": _identifier(method, service),
        **args,
        "schema": schema,
        "response_schemas": _answers(registry, statuses, declared),
    }
    if refusals:
        completed.setdefault("api_security", [{SECURITY: []}])
    if "body" in schema:
        completed.setdefault("content_type", [bodies.FORM, bodies.MULTIPART, bodies.JSON])
    return completed


def _plugins_answers(
    registry: Any, service: rest.Service, method: str, args: dict[str, Any]
) -> dict[str, colander.MappingSchema]:
    """What plugins answer on behalf of the service (``config.declare_answer``)."""
    answers = (each["introspectable"] for each in registry.introspector.get_category("answers", ()))
    return {
        each["status"]: each["schema"]
        for each in answers
        if each["applies"](registry, service, method, args)
    }


def _refusals(context: Any, args: dict[str, Any]) -> set[str]:
    """How the security policy may refuse somebody, by the ACLs of the context."""
    permission = args.get("permission") or UNDECLARED
    if permission == NO_PERMISSION_REQUIRED or for_everyone(context, permission):
        return set()
    return {"401"} if for_users(context, permission) else {"401", "403"}


def _mistakes(schema: colander.MappingSchema) -> set[str]:
    """What may be wrong with a request itself, of any its Host header."""
    return {"400", "413", "415"} if "body" in schema else {"400"}


def _identifier(method: str, service: rest.Service) -> str:
    # Names of services are unique in an application, those of views need not be.
    return re.sub(r"\W+", "_", f"{method.lower()}_{service.name}")


def _bound(registry: Any, schema: colander.MappingSchema) -> colander.MappingSchema:
    """A clone, as the documentation names and adds nodes, and requests share the bound one."""
    return rest.bind(registry, schema).clone()


def _answers(registry: Any, derived: set[str], declared: dict[str, Any]) -> dict[str, Any]:
    schemas = {status: _bound(registry, schema) for status, schema in declared.items()}
    for status in derived - schemas.keys():
        shape, description = ANSWERS[status]
        schemas[status] = shape(description=description)
    # A view's own 403 has no challenge: another token would be no better.
    for status in (HEADERS.keys() & schemas.keys()) - ({"403"} - derived):
        if "header" not in schemas[status]:
            schemas[status].add(HEADERS[status](name="header"))
    return dict(sorted(schemas.items()))
