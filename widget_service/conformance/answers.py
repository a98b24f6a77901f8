"""Whether an answer is what the documentation says that it is."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

JSON = "application/json"


def check_answer(request: str, answer: Any, documented: dict[str, Any], components: Any) -> None:
    """Is the body the one that is documented for the status, with no other keys?

    :param request: what to call it
    :param documented: the response of the OpenAPI document
    :param components: what references in it lead to
    """
    status = answer.status_int
    content = documented.get("content", {}).get(JSON)
    if content is None:
        # A file of some other type has no schema.
        empty = not answer.body or answer.content_type != JSON
        assert empty, f"{request}: {status} is documented without a body: {answer.text}"
        return
    assert answer.content_type == JSON, f"{request}: {status} is {answer.content_type}"
    if status >= 400:
        keys = set(answer.json)
        houses = ({"message"}, {"status", "message"}, {"errors", "message"})
        assert keys in houses, f"{request}: a refusal has none of {houses}: {keys}"
    # References lead from the root of the document.
    schema = _closed({**content["schema"], "components": components})
    found = Draft202012Validator(schema).iter_errors(answer.json)
    wrong = [f"{error.json_path} {error.message}" for error in found]
    assert not wrong, f"{request}: {status} is not as documented: {wrong}"


def _closed(schema: Any) -> Any:
    """The same schema, which lets no key pass that it does not name."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closes = {"additionalProperties": False} if "properties" in schema else {}
    return {**closes, **{key: _closed(value) for key, value in schema.items()}}
