"""What the modules of one application declared, and which values and mistakes were found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import unquote

import colander

from widget_service.settings.sources import PREFIX, Entry, Problem, Source, environment_variable

# The name of the .ini file for commands, which is no setting of it.
INI_VARIABLE = f"{PREFIX}INI"
MASK = "***"
NUMBER = re.compile(r"[-+0-9., ]*|true|false")
# In the name of what may be a secret, a setting or a parameter of a URL.
SUSPECT = re.compile(r"key|secret|pass|token|pin", re.IGNORECASE)
# A word of a secret that is shorter is in other words as well, and nobody guesses the rest by it.
SHORTEST_SECRET = 4


class Values(SimpleNamespace):
    """The typed settings of one prefix, as attributes."""

    def __repr__(self) -> str:
        """The names alone: a value may be a secret, and this ends up in tracebacks."""
        return f"<settings {' '.join(vars(self))}>"


class Family(NamedTuple):
    """The settings under one prefix, and who declared them, in which line of which file."""

    prefix: str
    schema: colander.MappingSchema
    package: str
    origin: str = "the core"

    @property
    def is_open(self) -> bool:
        """Does it keep keys that it does not name? A library's may."""
        return bool(getattr(self.schema, "unknown", "") == "preserve")

    def nodes(self) -> dict[str, colander.SchemaNode]:
        """Each setting by its key."""
        return {f"{self.prefix}.{node.name}": node for node in self.schema.children}


class ByPrefix(dict[str, Values]):
    """The values of each family."""

    def __missing__(self, prefix: str) -> Values:
        raise KeyError(f"nobody has declared settings under {prefix!r}")


class Declarations:
    """What the modules of one application declared, and what was found."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems = source.problems
        self.families: dict[str, Family] = {}
        self.values: dict[str, Values] = ByPrefix()
        # The key that each environment variable is for.
        self._taken: dict[str, str] = {}

    def add(self, family: Family) -> Values:
        """The values of a family. A setting with a mistake has its default in them."""
        clash = self.families.get(family.prefix)
        if clash:
            text = f"declared by {clash.package} ({clash.origin}) and by {family.package}"
            self.note(f"{family.prefix}.*", None, family.origin, text)
            return self.values[family.prefix]
        self._check_variables(family)
        self.families[family.prefix] = family
        found = {node.name: self._value(key, node) for key, node in family.nodes().items()}
        if family.is_open:
            found |= {name: entry.text for name, entry in self.others(family)}
        absent = any(
            node.missing is colander.required and found[node.name] is None
            for node in family.schema.children
        )
        # After other mistakes too, with defaults in their place: one may hide behind another.
        if family.schema.validator and not absent:
            self._check_together(family, found)
        values = self.values[family.prefix] = Values(**found)
        return values

    def note(self, key: str, value: str | None, origin: str, text: str) -> None:
        """Note a problem, in one line and without the secrets that ``text`` may quote."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, MASK)
        self.problems.append(Problem(key, value, origin, " ".join(text.split())))

    def refuse(self, key: str, text: str) -> None:
        """Note a problem with ``key``; the application will not start."""
        entry = self.source.entry(key) or self._unset(key)
        if entry is None:
            self.note(key, None, "not set", text)
        elif entry.is_of_file:
            self.note(key, MASK, entry.origin, masked(text, entry.text))
        else:
            self.note(key, self.shown(key, entry.text) or "(empty)", entry.origin, text)

    def _unset(self, key: str) -> Entry | None:
        """What stands for a setting that nobody set, where it has a default that says something."""
        node = self.nodes().get(key)
        text = default_text(node) if node else None
        return Entry(text, "default") if text else None

    def shown(self, key: str, text: str) -> str:
        """The text of a setting as people may see it.

        Of a key that nobody declared nobody knows whether it is a secret: a number is shown.
        """
        node = self.nodes().get(key)
        if node is None:
            family = self.families.get(key.partition(".")[0])
            harmless = NUMBER.fullmatch(text) and not self._resembles_secret(key)
            return text if harmless or (family and family.is_open) else MASK
        if not node.secret:
            return text
        return str(node.secret(text)) if callable(node.secret) else MASK

    def _resembles_secret(self, key: str) -> bool:
        nodes = self.nodes()
        close = difflib.get_close_matches(key.lower(), nodes, n=1)
        return bool(SUSPECT.search(key) or (close and nodes[close[0]].secret))

    def foreign(self) -> dict[str, str]:
        """The settings that other libraries read, as text."""
        prefixes = self.values["settings"].foreign
        keys = [key for key in self.source.every_key() if key.partition(".")[0] in prefixes]
        return {key: entry.text for key in keys if (entry := self.source.entry(key))}

    def nodes(self) -> dict[str, colander.SchemaNode]:
        """Each declared setting by its key."""
        return {k: node for family in self.families.values() for k, node in family.nodes().items()}

    def others(self, family: Family) -> Iterator[tuple[str, Entry]]:
        """The keys that an open family does not name, each without the prefix."""
        start = f"{family.prefix}."
        keys = [key for key in self.source.every_key()
                if key.startswith(start) and key not in family.nodes()]  # fmt: skip
        entries = {key: self.source.entry(key) for key in keys}
        named = {environment_variable(key) for key in [*self.nodes(), *keys]}
        for variable in {name.removesuffix("_FILE") for name in self.source.variables()} - named:
            key = self._open_key(variable)
            if key and key.startswith(start):
                entries[key] = self.source.variable(key, variable)
        yield from ((key.removeprefix(start), entry) for key, entry in entries.items() if entry)

    def refuse_unread(self) -> None:
        """Note a problem for everything that looks like a setting and that nobody reads."""
        known = self.nodes()
        for key in self.source.every_key():
            if key not in known and not self._is_somebodys(key):
                self.refuse(key, self._unknown(key, known))
        variables = {environment_variable(key) for key in [*known, *self.foreign()]}
        for name in self.source.variables():
            read = name == INI_VARIABLE or {name, name.removesuffix("_FILE")} & variables
            if not read and not self._open_key(name):
                # All begin alike.
                short = [each.removeprefix(PREFIX) for each in variables]
                found = difflib.get_close_matches(name.removeprefix(PREFIX), short, n=1)
                close = [f"{PREFIX}{each}" for each in found]
                text = "nobody reads this variable" + _did_you_mean(close)
                self.note(name, None, "environment variable", text)

    def _value(self, key: str, node: colander.SchemaNode) -> Any:
        entry = self.source.entry(key)
        text = colander.null if entry is None else entry.text
        if node.missing is None and text == "":
            text = colander.null  # There is no default, and that is what an empty text says.
        try:
            return node.deserialize(text)
        except colander.Invalid as error:
            self.refuse(key, "; ".join(error.asdict().values()))
            return _default(node)

    def _secrets(self) -> Iterator[str]:
        """The secret texts; of one that is shown in part, the words that are not."""
        for key, node in self.nodes().items():
            entry = self.source.entry(key) if node.secret else None
            if entry:
                words = _words(entry.text) if callable(node.secret) else set()
                hidden = {entry.text, *words} - _words(self.shown(key, entry.text))
                yield from (word for word in hidden if len(word) >= SHORTEST_SECRET)

    def _check_variables(self, family: Family) -> None:
        """Refuse a key whose environment variable is another one's as well."""
        for key in family.nodes():
            variable = environment_variable(key)
            names = (variable, f"{variable}_FILE")
            other = next((self._taken[name] for name in names if name in self._taken), None)
            if other:
                text = f"has the same environment variable as {other}; it needs another name"
                self.note(key, None, family.origin, text)
            self._taken |= dict.fromkeys(names, key)

    def _open_key(self, variable: str) -> str | None:
        """The key that a variable sets in an open family; None where it is of no such family.

        Nobody knows which of its letters were something else, so it is read as it is.
        """
        for family in self.families.values():
            start = environment_variable(f"{family.prefix}.")
            if family.is_open and variable.startswith(start):
                name = variable.removeprefix(start).removesuffix("_FILE").lower()
                key = f"{family.prefix}.{name}"
                # A declared one has another variable, whose value is checked.
                return None if key in family.nodes() else key
        return None

    def _check_together(self, family: Family, found: dict[str, Any]) -> None:
        try:
            family.schema.validator(family.schema, found)
        except colander.Invalid as error:
            for name, text in error.asdict().items():
                self.refuse(f"{family.prefix}.{name or '*'}", text)
                if name in found:
                    found[name] = _default(family.nodes()[f"{family.prefix}.{name}"])

    def _is_somebodys(self, key: str) -> bool:
        prefix = key.partition(".")[0]
        family = self.families.get(prefix)
        return prefix in self.values["settings"].foreign or bool(family and family.is_open)

    def _unknown(self, key: str, known: Iterable[str]) -> str:
        prefix = key.partition(".")[0]
        declared = prefix in self.families
        # Another plugin's setting is only meant where it is nearly the same.
        cutoff = 0.6 if declared else 0.85
        close = _did_you_mean(difflib.get_close_matches(key.lower(), known, 1, cutoff))
        if close or declared:
            return f"unknown setting{close}"
        if prefix == key:
            return "unknown setting; the name of a setting has the prefix of a plugin"
        return (
            f"no included plugin declares settings {prefix}.*; is one missing from "
            "pyramid.includes, or is this for settings.foreign?"
        )


def masked(text: str, secret: str) -> str:
    """``text`` without a secret that it quotes, wholly or in part."""
    for part in (secret, *re.split(r"[\s,]+", secret)):
        if len(part) >= SHORTEST_SECRET:
            text = text.replace(part, MASK)
    return text


def default_text(node: colander.SchemaNode) -> str | None:
    """The default of a setting as an .ini file has it; None for a required one."""
    if node.missing is colander.required:
        return None
    # A type whose values are not written as Python writes them says how they are.
    return getattr(node.typ, "ini_text", ini_text)(node.missing)


def ini_text(value: Any) -> str:
    """A typed value as the text that means it.

    >>> ini_text(True), ini_text((5, 10)), ini_text(3600)
    ('true', '5 10', '3600')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(map(ini_text, value))
    if isinstance(value, tzinfo):
        return str(value)
    return "" if value is None else str(value)


def _default(node: colander.SchemaNode) -> Any:
    return None if node.missing is colander.required else node.missing


def _words(text: str) -> set[str]:
    """What is between the delimiters of a URL, as it is there and as it is meant."""
    return {*re.split(r"[:/@?&=]+", text), *re.split(r"[:/@?&=]+", unquote(text))}


def _did_you_mean(close: list[str]) -> str:
    return f"; did you mean {close[0]}?" if close else ""
