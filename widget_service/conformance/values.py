"""What nobody sends who means well, and what is nearly what an example says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TEXTS = (
    "",
    " ",
    "\0",
    "x" * 3000,
    "\N{COMBINING ACUTE ACCENT}\N{ARABIC-INDIC DIGIT THREE}",
    "\ud800",
    "../..",
    "'; --",
    "%00%ff",
    "line\n",
    "-1",
    "1e999",
    "NaN",
    # The first number that PostgreSQL's INTEGER does not hold, and the last one of its BIGINT.
    str(2**31),
    str(2**63 - 1),
    str(2**64),
    "9" * 5000,
)
NUMBERS = (0, -1, 1.5, 2**31, 2**63 - 1, 2**64)
OTHERS: tuple[Any, ...] = (None, True, [], ["x"], {}, {"x": {}}, [[[[[[]]]]]])
UNREADABLE: dict[str, Any] = {"body": b"x", "content_type": "text/plain"}
VALUES = (*TEXTS, *NUMBERS, *OTHERS)


def mistakes(example: Any) -> Iterator[Any]:
    """Hostile values in place of a field's example, and of whatever is in that."""
    yield from VALUES
    if isinstance(example, dict):
        for name, value in example.items():
            yield from ({**example, name: mistake} for mistake in mistakes(value))
    elif isinstance(example, list) and example:
        first, *others = example
        yield from ([mistake, *others] for mistake in mistakes(first))


def likenesses(body: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """A body, and such as differ in one of its fields: some may be valid, and not taken yet."""
    yield body
    for name, value in body.items():
        if isinstance(value, str):
            for text in (f"{value}{number}", f"{number}{value}", f"{value[:-1]}{number}"):
                yield {**body, name: text}
        elif isinstance(value, int):
            yield {**body, name: value + number}
