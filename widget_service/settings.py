"""Declared settings: each module says what it reads, the operator hears of every mistake at once.

A module, core or plugin, declares its settings in its includeme::

    class PageSettings(colander.MappingSchema):
        per_page = setting(WholeNumber(), 10, "Items on a page.", colander.Range(1, 1000))

    values = config.declare_settings("pages", PageSettings())
    values.per_page

and whoever needs them later asks :func:`of`. Values come, later wins, from the default, the .ini
file, and the environment: ``pages.per_page`` is ``WIDGET_SERVICE_PAGES_PER_PAGE`` there, or the
content of the file that ``WIDGET_SERVICE_PAGES_PER_PAGE_FILE`` names. Mistakes are collected
while the plugins are included, and raised together before any of the configuration takes effect.

A rule across the settings of one schema is the schema's validator; one across schemas is for the
includeme to check, with ``config.refuse_setting(key, text)``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, NamedTuple

import colander

from widget_service.fields import Flag, Listed, Text
from widget_service.sources import (
    PREFIX,
    Entry,
    Problem,
    Source,
    environment_variable,
)

# The name of the .ini file for commands, which is no setting of it.
INI_VARIABLE = f"{PREFIX}INI"

__all__ = ["Entry", "Problem", "Source", "StartupError", "environment_variable", "of", "setting"]


class StartupError(Exception):
    """The service refuses to start; ``str()`` is what the operator is to read."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        listed = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"widget_service cannot start, {len(self.problems)} problem(s):\n{listed}"


def setting(
    typ: Any,
    default: Any,
    help_text: str,
    validator: Any = None,
    *,
    secret: bool | Callable[[str], str] = False,
    sample: Callable[[], str] | None = None,
) -> colander.SchemaNode:
    """Declare one setting of a schema.

    :param typ: a strict type, such as those of :mod:`widget_service.fields`
    :param default: the typed value where nobody sets it; ``colander.required`` for none
    :param help_text: one line for the operator
    :param secret: never show the value, or only what this function makes of it
    :param sample: makes a value for a sample .ini file, where the default does not do
    """
    return colander.SchemaNode(
        typ,
        missing=default,
        validator=validator,
        description=help_text,
        secret=secret,
        sample=sample,
        missing_msg="this setting has no default and must be set",
    )


class Values(SimpleNamespace):
    """The typed settings of one prefix, as attributes."""

    def __repr__(self) -> str:
        """The names alone: a value may be a secret, and this ends up in tracebacks."""
        return f"<settings {' '.join(vars(self))}>"


class Family(NamedTuple):
    """The settings under one prefix, and who declared them."""

    prefix: str
    schema: colander.MappingSchema
    package: str

    @property
    def is_open(self) -> bool:
        """Does it keep keys that it does not name? A library's may."""
        return bool(getattr(self.schema, "unknown", "") == "preserve")

    def nodes(self) -> dict[str, colander.SchemaNode]:
        """Each setting by its key."""
        return {f"{self.prefix}.{node.name}": node for node in self.schema.children}


class Declarations:
    """What the modules of one application declared, and what was found."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems = source.problems
        self.families: dict[str, Family] = {}
        self.values: dict[str, Values] = {}

    def add(self, family: Family) -> Values:
        """The values of a family. A setting with a mistake has its default in them."""
        clash = self.families.get(family.prefix)
        if clash:
            text = f"declared by {clash.package} and by {family.package}"
            self.problems.append(Problem(f"{family.prefix}.*", None, "settings", text))
            return self.values[family.prefix]
        self.families[family.prefix] = family
        before = len(self.problems)
        found = {node.name: self._value(key, node) for key, node in family.nodes().items()}
        if family.is_open:
            found |= self._others(family)
        if family.schema.validator and len(self.problems) == before:
            self._check_together(family, found)
        values = self.values[family.prefix] = Values(**found)
        return values

    def refuse(self, key: str, text: str) -> None:
        """Note a problem with ``key``; the application will not start."""
        entry = self.source.entry(key)
        origin = entry.origin if entry else "not set"
        value = self.shown(key, entry.text) if entry else None
        self.problems.append(Problem(key, value, origin, text))

    def shown(self, key: str, text: str) -> str:
        """The text of a setting as people may see it."""
        node = self.nodes().get(key)
        if node is None or not node.secret:
            return text
        return str(node.secret(text)) if callable(node.secret) else "***"

    def nodes(self) -> dict[str, colander.SchemaNode]:
        """Each declared setting by its key."""
        return {k: node for family in self.families.values() for k, node in family.nodes().items()}

    def refuse_unread(self) -> None:
        """Note a problem for everything that looks like a setting and that nobody reads."""
        known = self.nodes()
        for key in self.source.keys():
            if key not in known and not self._is_somebodys(key):
                self.refuse(key, self._unknown(key, known))
        variables = {environment_variable(key): key for key in known}
        for name in self.source.variables():
            read = name == INI_VARIABLE or name.removesuffix("_FILE") in variables
            if not read and not self._open_key(name):
                close = difflib.get_close_matches(name, variables, n=1)
                text = "nobody reads this variable" + _did_you_mean(close)
                self.problems.append(Problem(name, None, "environment variable", text))

    def _value(self, key: str, node: colander.SchemaNode) -> Any:
        entry = self.source.entry(key)
        try:
            return node.deserialize(colander.null if entry is None else entry.text)
        except colander.Invalid as error:
            self.refuse(key, "; ".join(error.asdict().values()))
            return None if node.missing is colander.required else node.missing

    def _others(self, family: Family) -> dict[str, str]:
        """The texts of the keys that an open family does not name."""
        keys = [key for key in self.source.keys() if key.startswith(f"{family.prefix}.")]
        keys += [key for key in map(self._open_key, self.source.variables()) if key]
        entries = {key.removeprefix(f"{family.prefix}."): self.source.entry(key)
                   for key in keys if key not in family.nodes()}  # fmt: skip
        return {name: entry.text for name, entry in entries.items() if entry}

    def _open_key(self, variable: str) -> str | None:
        """The key that a variable sets in an open family, None where it is of no such family."""
        for family in self.families.values():
            start = environment_variable(f"{family.prefix}.")
            if family.is_open and variable.startswith(start):
                name = variable.removeprefix(start).removesuffix("_FILE").lower()
                return f"{family.prefix}.{name}"
        return None

    def _check_together(self, family: Family, found: dict[str, Any]) -> None:
        try:
            family.schema.validator(family.schema, found)
        except colander.Invalid as error:
            for name, text in error.asdict().items():
                self.refuse(f"{family.prefix}.{name}", text)

    def _is_somebodys(self, key: str) -> bool:
        prefix = key.partition(".")[0]
        family = self.families.get(prefix)
        return prefix in self.values["settings"].foreign or bool(family and family.is_open)

    def _unknown(self, key: str, known: Iterable[str]) -> str:
        prefix = key.partition(".")[0]
        declared = prefix in self.families
        # Another plugin's setting is only meant where it is nearly the same.
        close = _did_you_mean(difflib.get_close_matches(key, known, 1, 0.6 if declared else 0.85))
        if close or declared:
            return f"unknown setting{close}"
        return (
            f"no included plugin declares settings {prefix}.*; is one missing from "
            "pyramid.includes, or is this for settings.foreign?"
        )


def _did_you_mean(close: list[str]) -> str:
    return f"; did you mean {close[0]}?" if close else ""


class CheckSettings(colander.MappingSchema):
    """``settings.*``"""

    foreign = setting(
        Listed(Text()),
        (),
        "Prefixes of settings that another library reads and nobody declares, so nobody checks.",
    )


class PyramidSettings(colander.MappingSchema):
    """``pyramid.*``: Pyramid's own."""

    includes = setting(Listed(Text()), (), "The plugins, in any order.")
    tweens = setting(Listed(Text()), (), "Every tween, outermost first, instead of the plugins'.")
    csrf_trusted_origins = setting(Listed(Text()), (), "Pyramid's; nothing here reads it.")
    default_locale_name = setting(Text(), "en", "Pyramid's; every text here is in English.")
    debug_all = setting(Flag(), default=False, help_text="All of the debug_ settings.")
    debug_authorization = setting(
        Flag(), default=False, help_text="Log each permission check, with its reason."
    )
    debug_notfound = setting(Flag(), default=False, help_text="Log each URL that is nobody's.")
    debug_routematch = setting(Flag(), default=False, help_text="Log which route each URL matches.")
    reload_all = setting(Flag(), default=False, help_text="All of the reload_ settings.")
    reload_templates = setting(
        Flag(), default=False, help_text="Read a template again when it has changed."
    )
    reload_assets = setting(
        Flag(), default=False, help_text="Look again which files there are, on each request."
    )
    prevent_http_cache = setting(
        Flag(), default=False, help_text="Ignore the caching headers that views ask for."
    )


def of(registry: Any, prefix: str) -> Any:
    """The checked, typed settings that were declared under ``prefix``, as attributes."""
    return registry.settings_values[prefix]


def declare_settings(config: Any, prefix: str, schema: colander.MappingSchema) -> Any:
    """Declare the settings under ``prefix`` (a directive) and return their values.

    Not ``add_settings``: Pyramid's Configurator has a method of that name. A setting with a
    mistake has its default in the values, None where it has none, so that the includeme can go on
    and the other mistakes are found too. A schema with ``unknown = "preserve"`` is a library's
    family: it keeps the keys that it does not name, as text.
    """
    values = config.registry.settings_declared.add(Family(prefix, schema, config.package_name))
    introspectable = config.introspectable("settings", prefix, f"{prefix}.*", "settings")
    introspectable.update(prefix=prefix, schema=schema, package=config.package_name)
    config.action(("settings", prefix), introspectables=(introspectable,))
    return values


def refuse_setting(config: Any, key: str, text: str) -> None:
    """Note that the value of ``key`` is wrong (a directive); the application will not start.

    :param text: what would be right
    """
    config.registry.settings_declared.refuse(key, text)


def check(registry: Any) -> None:
    """:raises StartupError: with every problem that was found so far"""
    if registry.settings_declared.problems:
        raise StartupError(registry.settings_declared.problems)


def setup(registry: Any, source: Source) -> None:
    """Let ``registry`` collect declarations, and declare what is there before any plugin."""
    declared = registry.settings_declared = Declarations(source)
    registry.settings_values = declared.values
    declared.add(Family("settings", CheckSettings(), __package__))
    declared.add(Family("pyramid", PyramidSettings(), __package__))


def includeme(config: Any) -> None:
    """Add the directives."""
    config.add_directive("declare_settings", declare_settings)
    config.add_directive("refuse_setting", refuse_setting)
