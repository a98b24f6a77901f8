"""An operation, as the documentation has it: what it may answer, and what a request to it needs."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

CREATED = 201
# In a path of the documentation.
VARIABLE = re.compile(r"{(\w+)}")


class Operation(NamedTuple):
    """A documented operation: its method in lower case, its path, and the documentation."""

    method: str
    path: str
    document: dict[str, Any]

    @property
    def documented(self) -> set[int]:
        """The statuses that it may answer."""
        return {int(status) for status in self.document["responses"]}

    @property
    def is_public(self) -> bool:
        """May strangers call it?"""
        return not self.document.get("security")

    @property
    def creates(self) -> bool:
        """Does it add the object that others are about?"""
        return self.method == "post" or (self.method == "put" and CREATED in self.documented)

    @property
    def misses(self) -> bool:
        """Is it about an object that has to be there?"""
        # A PUT that adds what is not there misses nothing.
        adds = self.method == "put" and self.creates
        return "{" in self.path and 404 in self.documented and not adds

    @property
    def variables(self) -> list[str]:
        """The names of the parts of its path."""
        return VARIABLE.findall(self.path)

    @property
    def fields(self) -> dict[str, Any]:
        """The schema of each field of its body."""
        content = self.document.get("requestBody", {}).get("content", {})
        return dict(content.get("application/json", {}).get("schema", {}).get("properties", {}))

    @property
    def queries(self) -> list[str]:
        """The names of its query parameters."""
        return [p["name"] for p in self.document.get("parameters", []) if p["in"] == "query"]

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    def body(self) -> dict[str, Any]:
        """Fields that are valid, as their examples say."""
        missing = [name for name, schema in self.fields.items() if "example" not in schema]
        assert not missing, f"{self.method} {self.path}: give these an example: {missing}"
        return {name: schema["example"] for name, schema in self.fields.items()}


def json_body(fields: dict[str, Any]) -> dict[str, Any]:
    """What a request has that sends these fields."""
    return {"body": json.dumps(fields).encode(), "content_type": "application/json"}
