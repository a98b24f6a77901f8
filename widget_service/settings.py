"""Declared settings: each module says what it reads, the operator hears of every mistake at once.

A module, core or plugin, declares its settings in its includeme::

    class PageSettings(colander.MappingSchema):
        per_page = setting(WholeNumber(), 10, "Items on a page.", colander.Range(1, 1000))

    values = config.declare_settings("pages", PageSettings())
    values.per_page

and whoever needs them later asks :func:`of`. Values come, later wins, from the default, the .ini
file, and the environment: ``pages.per_page`` is ``WIDGET_SERVICE_PAGES_PER_PAGE`` there, or the
content of the file that ``WIDGET_SERVICE_PAGES_PER_PAGE_FILE`` names. Mistakes are collected
while the plugins are included and raised together, as one :class:`StartupError`, before any of
the configuration takes effect.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import colander

PREFIX = "WIDGET_SERVICE_"

# Before every other action of a commit, so that nothing is configured from a wrong value.
CHECK_ORDER = -1000


class Problem(NamedTuple):
    """One thing that is wrong with the configuration.

    ``value`` is None where there is none, and masked where it is secret; ``origin`` is the file
    and line, or the environment variable, that it came from.
    """

    key: str
    value: str | None
    origin: str
    text: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" = {self.value}"
        return f"{self.key}{shown} ({self.origin}): {self.text}"


class StartupError(Exception):
    """The service refuses to start; ``str()`` is what the operator is to read."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        listed = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"widget_service cannot start, {len(self.problems)} problem(s):\n{listed}"


class Entry(NamedTuple):
    """A setting as it was found: the text, and where."""

    text: str
    origin: str


class Source:
    """Where the values of one application come from: its .ini section and the environment."""

    def __init__(
        self,
        ini: Mapping[str, Any],
        environ: Mapping[str, str] | None = None,
        file: str | None = None,
    ) -> None:
        self.ini = ini
        self.environ = os.environ if environ is None else environ
        self.file = file
        self.lines = _line_numbers(Path(file)) if file else {}
        self.problems: list[Problem] = []

    def entry(self, key: str) -> Entry | None:
        """The text of ``key`` from its strongest source, None where no source has it."""
        variable = environment_variable(key)
        if variable in self.environ:
            return Entry(self.environ[variable], f"environment variable {variable}")
        if f"{variable}_FILE" in self.environ:
            return self._secret_file(key, f"{variable}_FILE")
        if key in self.ini:
            return Entry(self.ini[key], self.origin(key))
        return None

    def origin(self, key: str) -> str:
        """Where the .ini has ``key``: file and line, as far as they are known."""
        if not self.file:
            return "application settings"
        line = self.lines.get(key)
        return f"{self.file}, line {line}" if line else self.file

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of the .ini under ``prefix``."""
        return (key for key in self.ini if key.startswith(f"{prefix}."))

    def complain(self, key: str, text: str, *, secret: bool = False) -> None:
        """Note a problem with ``key``; the application will not start."""
        entry = self.entry(key)
        origin = entry.origin if entry else "not set"
        value = None if entry is None else "***" if secret else entry.text
        self.problems.append(Problem(key, value, origin, text))

    def _secret_file(self, key: str, variable: str) -> Entry | None:
        path = self.environ[variable]
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            origin = f"environment variable {variable}"
            self.problems.append(Problem(key, path, origin, f"the file cannot be read: {error}"))
            return None
        return Entry(text, f"{path} ({variable})")


def environment_variable(key: str) -> str:
    """The name of the environment variable that overrides ``key``.

    >>> environment_variable("jwt.private_key")
    'WIDGET_SERVICE_JWT_PRIVATE_KEY'
    """
    return PREFIX + re.sub(r"[^A-Z]", "_", key.upper())


def setting(
    typ: Any,
    default: Any,
    help_text: str,
    validator: Any = None,
    *,
    secret: bool = False,
) -> colander.SchemaNode:
    """Declare one setting of a schema.

    :param typ: a strict type, such as those of :mod:`widget_service.fields`
    :param default: the typed value where nobody sets it; ``colander.required`` for none
    :param help_text: one line for the operator
    :param secret: never show the value
    """
    return colander.SchemaNode(
        typ,
        missing=default,
        validator=validator,
        description=help_text,
        secret=secret,
        missing_msg="this setting has no default and must be set",
    )


def of(registry: Any, prefix: str) -> Any:
    """The checked, typed settings that were declared under ``prefix``, as attributes."""
    return registry.declared_settings[prefix]


def declare_settings(config: Any, prefix: str, schema: colander.MappingSchema) -> Any:
    """Declare the settings under ``prefix`` (a directive) and return their values.

    Not ``add_settings``: Pyramid's Configurator has a method of that name.

    A setting with a mistake has its default in the values, so that the includeme can go on and
    the other mistakes are found too. A schema with ``unknown="preserve"`` is a library's family:
    it keeps the keys it does not name, as text. Two declarations of one prefix are a
    configuration conflict.
    """
    source: Source = config.registry.settings_source
    values, declared = {}, {}
    for node in schema.children:
        key = f"{prefix}.{node.name}"
        declared[key] = node
        values[node.name] = _value(source, key, node)
    preserves = schema.typ.unknown == "preserve"
    for key in source.keys(prefix):
        if key in declared:
            continue
        if preserves:
            entry = source.entry(key)
            values[key.removeprefix(f"{prefix}.")] = entry.text if entry else None
        else:
            source.complain(key, _unknown(key, declared))
    typed = SimpleNamespace(**values)
    introspectable = config.introspectable("settings", prefix, f"settings {prefix}.*", "settings")
    introspectable.update(prefix=prefix, schema=schema, package=config.package_name)
    config.action(("settings", prefix), introspectables=(introspectable,))
    config.registry.declared_settings[prefix] = typed
    return typed


def check(registry: Any) -> None:
    """Raise every problem that was found so far."""
    if registry.settings_source.problems:
        raise StartupError(registry.settings_source.problems)


def includeme(config: Any) -> None:
    """Add the directive; the check of all settings runs before any other action."""
    config.add_directive("declare_settings", declare_settings)
    config.registry.declared_settings = {}
    config.action("check settings", check, args=(config.registry,), order=CHECK_ORDER)


def _value(source: Source, key: str, node: colander.SchemaNode) -> Any:
    entry = source.entry(key)
    default = None if node.missing is colander.required else node.missing
    try:
        return node.deserialize(colander.null if entry is None else entry.text)
    except colander.Invalid as error:
        source.complain(key, "; ".join(error.messages()), secret=node.secret)
        return default


def _unknown(key: str, declared: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(key, declared, n=1)
    return f"unknown setting; did you mean {close[0]}?" if close else "unknown setting"


def _line_numbers(file: Path) -> dict[str, int]:
    """The line of each key of an .ini file; the last one counts, as it does for the parser."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found = {}
    for number, line in enumerate(lines, start=1):
        match = re.match(r"(?:set )?([A-Za-z][\w.]*)\s*[=:]", line)
        if match:
            found[match.group(1)] = number
    return found
