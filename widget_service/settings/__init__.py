"""Declared settings: each module says what it reads, the operator hears of every mistake at once.

A module, core or plugin, declares its settings in its includeme::

    class PageSettings(colander.MappingSchema):
        per_page = setting(
            WholeNumber(), "Items on a page.", colander.Range(1, 1000), default=10
        )

    values = config.declare_settings("pages", PageSettings())
    values.per_page

and whoever needs them later asks :func:`of`. Values come, later wins, from the default, the .ini
file, and the environment: ``pages.per_page`` is ``WIDGET_SERVICE_PAGES_PER_PAGE`` there, or the
content of the file that ``WIDGET_SERVICE_PAGES_PER_PAGE_FILE`` names. Mistakes are collected
while the plugins are included, and raised together before any of the configuration takes effect.

A rule across the settings of one schema is the schema's validator; one across schemas is for the
includeme to check, with ``config.refuse_setting(key, text)``. A setting that is ``secret`` is
shown nowhere, not in messages either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import colander
from pyramid.exceptions import ConfigurationError
from pyramid.path import DottedNameResolver

from widget_service.fields import Flag, Listed, Text
from widget_service.settings.declarations import Declarations, Family
from widget_service.settings.sources import Problem, Source

NAME = re.compile(r"[a-z][a-z0-9_]*")
CORE = "widget_service"

__all__ = ["Problem", "StartupError", "of", "setting"]


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
    help_text: str,
    validator: Any = None,
    *,
    default: Any,
    secret: bool | Callable[[str], str] = False,
    sample: Callable[[], str] | None = None,
) -> colander.SchemaNode:
    """Declare one setting of a schema.

    :param typ: a strict type, such as those of :mod:`widget_service.fields`
    :param help_text: one line for the operator
    :param default: the typed value where nobody sets it; ``colander.required`` for none
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


def importable(node: Any, value: str | tuple[str, ...]) -> None:
    """A validator of dotted names.

    :raises colander.Invalid: there is nothing of one of these names, or nothing that can be called
    """
    for name in (value,) if isinstance(value, str) else value:
        try:
            found = DottedNameResolver(None).resolve(name)
        except Exception as error:
            raise colander.Invalid(node, f"{name} cannot be imported: {error}") from error
        if not callable(found):
            raise colander.Invalid(node, f"{name} is nothing that can be called")


def not_installed(package: str | None, extra: str) -> str:
    """What is wrong with a setting that needs a package, and which extra of ours brings it."""
    return f"needs {package}, which is not installed: pip install 'widget_service[{extra}]'"


class CheckSettings(colander.MappingSchema):
    """``settings.*``"""

    foreign = setting(
        Listed(Text()),
        "Prefixes of settings that another library reads in registry.settings, as text that nobody "
        "checks.",
        default=(),
    )


class PyramidSettings(colander.MappingSchema):
    """``pyramid.*``: Pyramid's own."""

    includes = setting(Listed(Text()), "The plugins, in any order.", default=())
    tweens = setting(
        Listed(Text()),
        "Every tween, outermost first, instead of the plugins'.",
        importable,
        default=(),
    )
    csrf_trusted_origins = setting(Listed(Text()), "Pyramid's; nothing here reads it.", default=())
    default_locale_name = setting(Text(), "Pyramid's; every text here is in English.", default="en")
    debug_all = setting(Flag(), "All of the debug_ settings.", default=False)
    debug_authorization = setting(
        Flag(), "Log each permission check, with its reason.", default=False
    )
    debug_notfound = setting(Flag(), "Log each URL that is nobody's.", default=False)
    debug_routematch = setting(Flag(), "Log which route each URL matches.", default=False)
    reload_all = setting(Flag(), "All of the reload_ settings.", default=False)
    reload_templates = setting(Flag(), "Read a template again when it has changed.", default=False)
    reload_assets = setting(
        Flag(), "Look again which files there are, on each request.", default=False
    )
    prevent_http_cache = setting(
        Flag(), "Ignore the caching headers that views ask for.", default=False
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

    :raises ConfigurationError: ``schema`` is a class, a setting refuses its own default, or the
        prefix or a name is none that every source can have
    """
    if not isinstance(schema, colander.SchemaNode):
        raise ConfigurationError(f"settings {prefix}: {schema!r} is no instance of a schema")
    for name in (prefix, *(node.name for node in schema.children)):
        if not NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} must be of lower-case letters, digits and _")
    _check_defaults(prefix, schema)
    info = config.action_info
    # The core is one, whichever of its folders declares something.
    package = CORE if f"{CORE}:includeme" in config.includepath else config.package_name
    family = Family(prefix, schema, package, f"{info.file}, line {info.line}")
    values = config.registry.settings_declared.add(family)
    introspectable = config.introspectable("settings", prefix, f"{prefix}.*", "settings")
    introspectable.update(prefix=prefix, schema=schema, package=package)
    # No discriminator: what two declare is a problem already.
    config.action(None, introspectables=(introspectable,))
    return values


def _check_defaults(prefix: str, schema: colander.MappingSchema) -> None:
    """:raises ConfigurationError: a setting refuses its own default, which nobody would see"""
    for node in schema.children:
        if node.validator is None or node.missing in (None, colander.required):
            continue
        try:
            node.validator(node, node.missing)
        except colander.Invalid as error:
            text = "; ".join(error.asdict().values())
            raise ConfigurationError(f"setting {prefix}.{node.name}: its default: {text}") from None


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
    declared.add(Family("settings", CheckSettings(), CORE))
    declared.add(Family("pyramid", PyramidSettings(), CORE))


def includeme(config: Any) -> None:
    """Add the directives."""
    config.add_directive("declare_settings", declare_settings)
    config.add_directive("refuse_setting", refuse_setting)
