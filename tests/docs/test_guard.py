"""Clients rely on what is documented: the committed copy of the document guards it."""

import copy
import json
from pathlib import Path

import pytest

COPY = Path(__file__).with_name("swagger.json")
REFRESH = "widget-service -c development.ini print-swagger > tests/docs/swagger.json"


def breaks(old, new):
    """Everything that a client of ``old`` could miss in ``new``, in words."""
    for path, item in old["paths"].items():
        for method in item.keys() - {"parameters"}:
            where = f"{method.upper()} {path}"
            operation = new["paths"].get(path, {}).get(method)
            if operation is None:
                yield f"{where} is gone"
            else:
                yield from operation_breaks(where, old, item[method], new, operation)
    if new["basePath"] != old["basePath"]:
        yield "basePath has changed"


def operation_breaks(where, old, before, new, after):
    yield from parameter_breaks(where, before, after)
    if "security" in after and "security" not in before:
        yield f"{where} needs a token"
    for kind in set(before.get("consumes", ())) - set(after.get("consumes", ())):
        yield f"{where} takes no {kind}"
    for status, response in before["responses"].items():
        there = f"{where} {status}"
        if status not in after["responses"]:
            yield f"{there} is gone"
            continue
        answer = after["responses"][status]
        for header in response.get("headers", {}).keys() - answer.get("headers", {}).keys():
            yield f"{there} has no header {header}"
        yield from schema_breaks(
            there,
            resolved(old, response.get("schema", {})),
            resolved(new, answer.get("schema", {})),
        )


def parameter_breaks(where, before, after):
    old = {(each["name"], each["in"]): each for each in before.get("parameters", ())}
    new = {(each["name"], each["in"]): each for each in after.get("parameters", ())}
    for (name, _place), parameter in new.items():
        if parameter["required"] and not old.get((name, _place), {}).get("required"):
            yield f"{where} requires {name}"
    for key, parameter in old.items():
        name = key[0]
        if key not in new:
            yield f"{where} does not take {name}"
            continue
        if parameter.get("default") != new[key].get("default"):
            yield f"{where} has another default of {name}"
        if parameter["type"] != new[key]["type"]:
            yield f"{where} has another type of {name}"
        choices = new[key].get("enum")
        if choices and not set(parameter.get("enum", [None])) <= set(choices):
            yield f"{where} takes fewer values of {name}"


def resolved(document, schema):
    """The schema that a reference leads to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["definitions"][name] if name else schema


def schema_breaks(where, old, new):
    if old.get("type") != new.get("type"):
        yield f"{where} has another type"
    for key in set(old.get("required", ())) - set(new.get("required", ())):
        yield f"{where} may lack {key}"
    for key, value in old.get("properties", {}).items():
        if key in new.get("properties", {}):
            yield from schema_breaks(f"{where} {key}", value, new["properties"][key])
        else:
            yield f"{where} has no {key}"
    if "items" in old:
        yield from schema_breaks(f"{where} item", old["items"], new.get("items", {}))


def committed():
    return json.loads(COPY.read_text(encoding="utf-8"))


def test_it_breaks_no_client(client):
    assert list(breaks(committed(), client.get("/api/v1/swagger.json").json)) == []


def test_it_is_what_the_committed_copy_says(client):
    served, copied = client.get("/api/v1/swagger.json").json, committed()
    # A new version alone is no difference.
    copied["info"]["version"] = served["info"]["version"]
    assert served == copied, f"If that is intended, refresh the copy: {REFRESH}"


def remove(*keys):
    def change(document):
        at(document, keys[:-1]).pop(keys[-1])

    return change


def put(value, *keys):
    def change(document):
        at(document, keys[:-1])[keys[-1]] = value

    return change


def discard(value, *keys):
    return lambda document: at(document, keys).remove(value)


def add(value, *keys):
    return lambda document: at(document, keys).append(value)


def at(document, keys):
    for key in keys:
        document = document[key]
    return document


LIST = ("paths", "/widgets", "get")
CREATE = ("paths", "/widgets", "post")
NEW_FIELD = {"name": "colour", "in": "formData", "required": True, "type": "string"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (remove("paths", "/auth/user"), ["GET /auth/user is gone"]),
        (remove("paths", "/widgets/{name}", "put"), ["PUT /widgets/{name} is gone"]),
        (put("/v2", "basePath"), ["basePath has changed"]),
        (remove(*LIST, "responses", "400"), ["GET /widgets 400 is gone"]),
        (
            remove(*LIST, "responses", "200", "headers", "Link"),
            ["GET /widgets 200 has no header Link"],
        ),
        (
            remove("definitions", "User", "properties", "admin"),
            ["GET /auth/user 200 has no admin"],
        ),
        (
            remove("definitions", "WidgetPage", "properties", "links", "properties", "prev"),
            ["GET /widgets 200 links has no prev"],
        ),
        (
            remove(
                "definitions", "WidgetPage", "properties", "items", "items", "properties", "link"
            ),
            ["GET /widgets 200 items item has no link"],
        ),
        (
            discard("email", "definitions", "User", "required"),
            ["GET /auth/user 200 may lack email"],
        ),
        (
            put("string", "definitions", "User", "properties", "admin", "type"),
            ["GET /auth/user 200 admin has another type"],
        ),
        (add(NEW_FIELD, *CREATE, "parameters"), ["POST /widgets requires colour"]),
        (
            put(True, *LIST, "parameters", 0, "required"),  # noqa: FBT003  (the value that is put)
            ["GET /widgets requires page"],
        ),
        (remove(*LIST, "parameters", 0), ["GET /widgets does not take page"]),
        (
            put(25, *LIST, "parameters", 1, "default"),
            ["GET /widgets has another default of per_page"],
        ),
        (
            put("string", *LIST, "parameters", 0, "type"),
            ["GET /widgets has another type of page"],
        ),
        (
            put([5, 10], *LIST, "parameters", 1, "enum"),
            ["GET /widgets takes fewer values of per_page"],
        ),
        (
            put([1, 2], *LIST, "parameters", 0, "enum"),
            ["GET /widgets takes fewer values of page"],
        ),
        (
            put([{"bearer": []}], "paths", "/auth/login", "post", "security"),
            ["POST /auth/login needs a token"],
        ),
        (
            discard("application/json", *CREATE, "consumes"),
            ["POST /widgets takes no application/json"],
        ),
        # What is added breaks nobody.
        (put({"post": {}}, "paths", "/gadgets"), []),
        (put({"description": "New."}, *LIST, "responses", "418"), []),
        (put({"type": "string"}, "definitions", "User", "properties", "name"), []),
        (add({**NEW_FIELD, "required": False}, *CREATE, "parameters"), []),
        (put([5, 10, 25, 50, 100, 200], *LIST, "parameters", 1, "enum"), []),
        (put("Other words.", *LIST, "summary"), []),
    ],
)
def test_it_knows_a_breaking_change(change, found):
    old = committed()
    new = copy.deepcopy(old)
    change(new)
    assert list(breaks(old, new)) == found
