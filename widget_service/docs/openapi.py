"""The OpenAPI 3.1 document, converted from the Swagger 2.0 document."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

# What a parameter or a header has beside its schema.
OUTSIDE = ("name", "in", "required", "description")
# What Swagger 2.0 says in another word than JSON Schema.
RENAMED = {"x-example": "example"}


def convert(swagger: Json) -> Json:
    """The same API in OpenAPI 3.1; the server's path is left to the caller."""
    return {
        "openapi": "3.1.0",
        "info": swagger["info"],
        "tags": swagger["tags"],
        "paths": {path: _path(item) for path, item in swagger["paths"].items()},
        "components": {
            "schemas": _references(swagger["definitions"]),
            "securitySchemes": {
                name: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access_token that register and login answer.",
                }
                for name in swagger["securityDefinitions"]
            },
        },
    }


def _path(item: Json) -> Json:
    converted: Json = {name: _operation(item[name]) for name in item if name != "parameters"}
    if item["parameters"]:
        converted["parameters"] = [_outside(parameter) for parameter in item["parameters"]]
    return converted


def _operation(operation: Json) -> Json:
    kept = ("tags", "summary", "description", "operationId", "security")
    converted = {key: operation[key] for key in kept if key in operation}
    parameters = operation.get("parameters", [])
    outside = [item for item in parameters if item["in"] not in ("formData", "body")]
    if outside:
        converted["parameters"] = [_outside(parameter) for parameter in outside]
    if len(outside) < len(parameters):
        schema = _body([item for item in parameters if item not in outside])
        converted["requestBody"] = {
            "required": True,
            "content": {kind: {"schema": schema} for kind in operation["consumes"]},
        }
    converted["responses"] = {
        status: _response(response, operation["produces"])
        for status, response in operation["responses"].items()
    }
    return converted


def _body(parameters: list[Json]) -> Json:
    """The schema of a body, or of a form whose fields are these."""
    if parameters[0]["in"] == "body":
        body: Json = _references(parameters[0]["schema"])
        return body
    schema: Json = {
        "type": "object",
        "properties": {
            field["name"]: {**_schema(field), **_description(field)} for field in parameters
        },
    }
    required = [field["name"] for field in parameters if field["required"]]
    return {**schema, "required": required} if required else schema


def _response(response: Json, produces: list[str]) -> Json:
    converted = {"description": response["description"]}
    if "headers" in response:
        converted["headers"] = {
            name: _outside(header) for name, header in response["headers"].items()
        }
    if "schema" in response:
        schema = _references(response["schema"])
        converted["content"] = {kind: {"schema": schema} for kind in produces}
    return converted


def _outside(parameter: Json) -> Json:
    """A parameter or a header: its schema apart from what is said about it."""
    kept = {key: parameter[key] for key in OUTSIDE if key in parameter}
    return {**kept, "schema": _schema(parameter)}


def _schema(parameter: Json) -> Json:
    return _references(  # type: ignore[no-any-return]
        {RENAMED.get(key, key): parameter[key] for key in parameter if key not in OUTSIDE}
    )


def _description(field: Json) -> Json:
    return {"description": field["description"]} if "description" in field else {}


def _references(value: Any) -> Any:
    """A copy whose references lead to where OpenAPI 3 keeps schemas, which have a type of null."""
    if isinstance(value, dict):
        copied = {key: _references(item) for key, item in value.items()}
        return _nullable(copied) if copied.pop("x-nullable", None) is True else copied
    if isinstance(value, list):
        return [_references(item) for item in value]
    if isinstance(value, str) and value.startswith("#/definitions/"):
        return value.replace("#/definitions/", "#/components/schemas/", 1)
    return value


def _nullable(schema: Json) -> Json:
    """The schema of what may be null as well."""
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **choices}
