"""The Swagger 2.0 document of an application.

cornice_swagger, which nobody develops any more, is used here and nowhere else: it turns Colander
schemas into Swagger's. What it lacks is around it: the services of this application only,
converters for types that it does not know, forms, and definitions that are shared.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import colander
from cornice_swagger import CorniceSwagger
from cornice_swagger.converters.schema import (
    ArrayTypeConverter,
    BooleanTypeConverter,
    IntegerTypeConverter,
    NumberTypeConverter,
    ObjectTypeConverter,
    StringTypeConverter,
    TypeConversionDispatcher,
    ValidatorConversionDispatcher,
    convert_length_validator_factory,
    convert_range_validator,
    convert_regex_validator,
)

from widget_service import bodies, fields, rest
from widget_service.docs.operations import SECURITY, described, documented

Json = dict[str, Any]


def build(registry: Any, values: Any) -> Json:
    """The document, without the path that the application is mounted at.

    :param values: the settings ``docs.*``
    """
    services = [described(registry, service) for service in documented(registry)]
    generator = _Generator(services)
    generator.summary_docstrings = True
    document: Json = _plain(
        generator.generate(
            title=values.title,
            version=values.version,
            info={"description": values.description},
            swagger={"tags": list(_tags(services)), "securityDefinitions": {SECURITY: BEARER}},
        )
    )
    # Without any service there is no key.
    document.setdefault("paths", {})
    document["definitions"] = {}
    for path, item in document["paths"].items():
        item["parameters"] = [
            {"name": name, "in": "path", "required": True, "type": "string"}
            for name in _parameter_names(path)
        ]
        for method in item.keys() - {"parameters"}:
            _finish(item[method], document["definitions"])
    return document


# Swagger 2.0 has no bearer tokens (OpenAPI 3 has); a header is what comes nearest.
BEARER = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "description": "The word Bearer, a space and the access_token (RFC 6750, 2.1).",
}


def _choices(validator: Any) -> Json | None:
    """Whatever offers choices, as colander.OneOf does."""
    return {"enum": list(validator.choices)} if hasattr(validator, "choices") else None


def _regex(validator: Any) -> Json | None:
    r"""Python ends a text with ``\Z``, everybody else with ``$``."""
    converted: Json | None = convert_regex_validator(validator)
    if converted and "pattern" in converted:
        converted["pattern"] = converted["pattern"].replace(r"\Z", "$")
    return converted


class _Object(ObjectTypeConverter):
    """Properties without titles, which only repeat their names."""

    def convert_type(self, node: Any) -> Json:
        converted: Json = super().convert_type(node)
        # Those of headers cornice_swagger takes off itself, and fails where there is none.
        if node.name != "header":
            for child in converted.get("properties", {}).values():
                child.pop("title", None)
        return converted


class _Array(ArrayTypeConverter):
    """Also for the types that are lists without saying of what: those are of strings."""

    def convert_type(self, node: Any) -> Json:
        if len(node.children) != 1:
            node = colander.SchemaNode(node.typ, colander.SchemaNode(colander.String()))
        converted: Json = super().convert_type(node)
        return converted


class _Number(NumberTypeConverter):
    convert_validator = ValidatorConversionDispatcher(convert_range_validator, _choices)


class _Integer(IntegerTypeConverter):
    convert_validator = _Number.convert_validator


class _String(StringTypeConverter):
    convert_validator = ValidatorConversionDispatcher(
        convert_length_validator_factory("maxLength", "minLength"), _regex, _choices
    )


class _Converters(TypeConversionDispatcher):
    """Finds the converter of a type by its base classes.

    A type may add to the result with an attribute ``swagger``, a node with ``format``.
    """

    def __call__(self, node: Any) -> Json:
        known = (self.converters.get(base) for base in type(node.typ).__mro__)
        converted: Json = next(filter(None, known), _String)(self)(node)
        if converted.get("default", ...) is None:
            del converted["default"]
        if getattr(node, "nullable", False):
            converted["x-nullable"] = True
        if isinstance(getattr(node, "format", None), str):
            converted["format"] = node.format
        return {**converted, **getattr(node.typ, "swagger", {})}


class _Generator(CorniceSwagger):
    type_converter = _Converters
    custom_type_converters = {  # noqa: RUF012  (cornice_swagger reads it from the class)
        colander.Mapping: _Object,
        colander.Sequence: _Array,
        colander.Tuple: _Array,
        colander.Set: _Array,
        colander.List: _Array,
        colander.Number: _Number,
        colander.Integer: _Integer,
        colander.String: _String,
        fields.Text: _String,
        fields.WholeNumber: _Integer,
        fields.Flag: BooleanTypeConverter,
    }


def _tags(services: list[rest.Service]) -> Iterator[Json]:
    """Each tag once; what a plugin's docstring says first is its description."""
    seen = set()
    for service in services:
        for _method, view, args in service.definitions:
            for tag in args.get("tags", ()):
                if tag not in seen:
                    seen.add(tag)
                    yield {"name": tag, "description": _first_paragraph(_about(view))}


def _about(view: Any) -> str | None:
    """What the package of a view says of itself; a plugin may be a single module, too."""
    module = sys.modules[view.__module__]
    package = sys.modules.get(module.__package__ or "", module)
    return package.__doc__ or module.__doc__


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").strip().partition("\n\n")[0].split())


def _plain(value: Any) -> Any:
    """A copy in the types of JSON; a default or a limit may be a date, a decimal, a tuple."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (str, int, float, type(None))):
        return value
    return float(value) if isinstance(value, Decimal) else str(value)


def _parameter_names(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def _finish(operation: Json, definitions: Json) -> None:
    """Forms, shared definitions, and a docstring in its two parts."""
    # A view without a docstring has none.
    summary, _, rest_of_it = operation.get("summary", "").partition("\n\n")
    operation["summary"] = " ".join(summary.split())
    if rest_of_it.strip():
        operation["description"] = rest_of_it.strip()
    _as_form(operation)
    for response in operation["responses"].values():
        if "schema" in response:
            response["schema"] = _reference(response["schema"], definitions)


def _as_form(operation: Json) -> None:
    """Fields of the body as ``formData``, unless one of them is no single value: that is JSON."""
    parameters = []
    for parameter in operation.pop("parameters", []):
        properties = parameter.get("schema", {}).get("properties", {})
        if parameter["in"] != "body":
            parameters.append(_parameter(parameter))
        elif any(field["type"] in ("object", "array") for field in properties.values()):
            operation["consumes"] = [bodies.JSON]
            parameter["schema"].pop("title")
            parameters.append({**parameter, "name": "body"})
        else:
            required = parameter["schema"].get("required", [])
            parameters += [
                _parameter({"name": name, "in": "formData", "required": name in required, **field})
                for name, field in properties.items()
            ]
    if parameters:
        operation["parameters"] = parameters


def _parameter(parameter: Json) -> Json:
    """Swagger 2.0 has examples in schemas only."""
    if "example" in parameter:
        parameter["x-example"] = parameter.pop("example")
    return parameter


def _reference(schema: Json, definitions: Json) -> Json:
    """A reference to ``schema`` under its title, with a number where that is taken."""
    title = schema.pop("title").lstrip("_")
    names = itertools.chain([title], (f"{title}{number}" for number in itertools.count(2)))
    name = next(name for name in names if definitions.setdefault(name, schema) == schema)
    return {"$ref": f"#/definitions/{name}"}
