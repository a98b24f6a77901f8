"""Schemas of responses, for the documentation: what services of all plugins have in common."""

from __future__ import annotations

from typing import Any

import colander

from widget_service.fields import Text


def answer(typ: Any, description: str = "", **options: Any) -> colander.SchemaNode:
    """A key of a response."""
    return colander.SchemaNode(typ, description=description, **options)


class _Bare(colander.MappingSchema):
    message = answer(Text())


class Bare(colander.MappingSchema):
    """The bare shape."""

    body = _Bare()


class _Status(colander.MappingSchema):
    status = answer(Text())
    message = answer(Text())


class Success(colander.MappingSchema):
    """The success shape."""

    body = _Status()


class Fail(colander.MappingSchema):
    """The failure shape."""

    body = _Status()


class Empty(colander.MappingSchema):
    """No body."""


class _Validation(colander.MappingSchema):
    message = answer(Text())
    errors = colander.SchemaNode(
        colander.Mapping(unknown="preserve"), description="Field names, with one text each."
    )


class Validation(colander.MappingSchema):
    """The validation shape."""

    body = _Validation()
