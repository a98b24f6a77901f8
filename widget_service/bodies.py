"""Bodies of requests: a form, multipart or JSON, all the same to whoever reads them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import multipart

from widget_service import settings
from widget_service.errors import Invalid, TooLarge, UnsupportedMediaType
from widget_service.fields import Opaque

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
JSON = "application/json"

UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})
SUPERSETS_OF_ASCII = frozenset({"iso-8859-1", "latin1", "latin-1", "windows-1252"})

# A form with more fields than any schema has is an attack on the parser; so is deeper nesting.
MAX_FIELDS = 1000
MAX_DEPTH = 32


def read_body(request: Any) -> Mapping[str, Any]:
    """The fields of the body, by its content type.

    :raises TooLarge: more bytes than ``rest.max_body_size``
    :raises UnsupportedMediaType: neither a form nor JSON, not in UTF-8, or compressed
    :raises Invalid: the body is not what its content type says
    """
    body = read_bytes(request)
    if not body:
        return {}
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity"):
        # RFC 9110, 12.5.3: which would do.
        text = "The request body must not be compressed."
        raise UnsupportedMediaType(text, {"Accept-Encoding": "identity"})
    kind, options = multipart.parse_options_header(request.headers.get("Content-Type", ""))
    charset = options.get("charset", "utf-8").lower().replace("_", "-")
    reader = _READERS.get(kind.lower())
    # ASCII is the same in those that old clients name unasked.
    utf8 = charset in UTF8 or (charset in SUPERSETS_OF_ASCII and body.isascii())
    if reader is None or not utf8:
        accepted = ", ".join(_READERS)
        raise UnsupportedMediaType(
            f"The request body must be one of {accepted}, in UTF-8.", {"Accept": accepted}
        )
    return reader(body, options)


def read_bytes(request: Any) -> bytes:
    """The body as it is, such as a picture.

    :raises TooLarge: more bytes than ``rest.max_body_size``
    :raises Invalid: the body breaks off
    """
    limit = settings.of(request.registry, "rest").max_body_size
    try:
        if request.content_length is None:
            # Chunked, and from a server that does not count: one byte more than is allowed tells.
            request.body = request.body_file.read(limit + 1)
        body: bytes | None = request.body if request.content_length <= limit else None
    except Exception:  # noqa: BLE001  (each server has errors of its own for what it cannot read)
        _refuse("The request body breaks off, or is not in chunks as it says")
    if body is None:
        raise TooLarge(f"The request body is larger than {limit} bytes.")
    return body


def _refuse(reason: str) -> NoReturn:
    raise Invalid({"body": reason}) from None


def _read_form(body: bytes, _options: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError:
        _refuse(f"The request body is not a valid form in UTF-8, of {MAX_FIELDS} fields at most")
    return first_of_each(pairs)


def _read_multipart(body: bytes, options: Mapping[str, str]) -> Mapping[str, Any]:
    pairs: list[tuple[str, Any]] = []
    try:
        parser = multipart.MultipartParser(
            io.BytesIO(body),
            options.get("boundary", ""),
            part_limit=MAX_FIELDS,
            # The body is in memory already: no part needs a temporary file.
            spool_limit=len(body),
            strict=True,
        )
        for part in parser:
            # A charset of its own that a part may name is not believed.
            text = Opaque() if part.filename is not None else part.raw.decode("utf-8")
            pairs.append((part.name, text))
    except (multipart.MultipartError, ValueError):
        _refuse("The request body is not a valid multipart form in UTF-8")
    return first_of_each(pairs)


def _read_json(body: bytes, _options: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        fields = json.loads(
            body.decode("utf-8"), parse_int=Opaque, parse_float=Opaque, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        _refuse("The request body is not valid JSON in UTF-8")
    if not isinstance(fields, dict):
        _refuse("The request body must be a JSON object")
    if _is_deep(fields):
        _refuse(f"The request body is nested more than {MAX_DEPTH} levels deep")
    return fields


def _is_deep(value: Any) -> bool:
    """Is it nested deeper than any schema wants? Whoever walks it by recursion would fail."""
    layer = [value]
    for _level in range(MAX_DEPTH):
        layer = [
            child
            for parent in layer
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return bool(layer)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON (RFC 8259, 6)")


_READERS: dict[str, Callable[[bytes, Mapping[str, str]], Mapping[str, Any]]] = {
    FORM: _read_form,
    MULTIPART: _read_multipart,
    JSON: _read_json,
}


def first_of_each(pairs: Any) -> dict[str, Any]:
    """The pairs as a dict; the first of those with one name counts."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found
