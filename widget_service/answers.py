"""Schemas of responses, for the documentation: what services of all plugins have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import colander

from widget_service.fields import Text, WholeNumber


def response_key(typ: Any, description: str = "", **options: Any) -> colander.SchemaNode:
    """A key of a response's body, or one of its headers.

    :param options: of the node: ``missing=colander.drop`` for a key that an answer may lack,
        ``nullable=True`` for one whose value may be null
    """
    return colander.SchemaNode(typ, description=description, **options)


class _Bare(colander.MappingSchema):
    message = response_key(Text())


class Bare(colander.MappingSchema):
    """The bare shape."""

    body = _Bare()


class _Status(colander.MappingSchema):
    status = response_key(Text())
    message = response_key(Text())


class Success(colander.MappingSchema):
    """The success shape."""

    body = _Status()


class Fail(colander.MappingSchema):
    """The failure shape."""

    body = _Status()


class Empty(colander.MappingSchema):
    """No body."""


class _Validation(colander.MappingSchema):
    message = response_key(Text())
    errors = colander.SchemaNode(
        colander.Mapping(unknown="preserve"), description="Field names, with one text each."
    )


class Validation(colander.MappingSchema):
    """The validation shape."""

    body = _Validation()


class _Refusal(colander.MappingSchema):
    """Either the validation shape or the failure shape, for operations that have both."""

    message = response_key(Text())
    status = response_key(Text(), "Only of a path that names nothing legal.", missing=colander.drop)
    errors = colander.SchemaNode(
        colander.Mapping(unknown="preserve"),
        description="Field names, with one text each.",
        missing=colander.drop,
    )


class ValidationOrFail(colander.MappingSchema):
    """The validation shape for fields, the failure shape for the path."""

    body = _Refusal()


class Challenge(colander.MappingSchema):
    """Headers of 401 and 403."""

    challenge = response_key(
        Text(), "What to log in to, and why (RFC 6750, 3).", name="WWW-Authenticate"
    )


class Patience(colander.MappingSchema):
    """Headers of 503."""

    seconds = response_key(Text(), "Seconds (RFC 9110, 10.2.3).", name="Retry-After")


class Tagged(colander.MappingSchema):
    """Headers of what has a version."""

    etag = response_key(Text(), "The version (RFC 9110, 8.8.3).", name="ETag")


class Located(Tagged):
    """Headers of what is new."""

    location = response_key(Text(), "Where it is, absolute (RFC 9110, 10.2.2).", name="Location")


class Paged(colander.MappingSchema):
    """Headers of a page of a list."""

    link = response_key(Text(), "The pages (RFC 8288), as in the body.", name="Link")
    total = response_key(WholeNumber(), "How many items all pages have.", name="Total-Count")


def declare_answer(
    config: Any,
    status: str,
    schema: colander.MappingSchema,
    applies: Callable[[Any, Any, str, dict[str, Any]], bool],
) -> None:
    """Say that a plugin gives an answer on behalf of the services of others (a directive).

    :param status: such as ``"429"``
    :param schema: its body and headers, with a description
    :param applies: is told the registry, the service, the method and the options of an operation,
        and answers whether the status can come of it
    """
    introspectable = config.introspectable("answers", status, status, "answer")
    introspectable.update(status=status, schema=schema, applies=applies)
    config.action(("answer", status), introspectables=(introspectable,))


def includeme(config: Any) -> None:
    """Add the directive."""
    config.add_directive("declare_answer", declare_answer)
