"""``widget-service config …``: what is configured, by whom, and what could be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any, NamedTuple

import colander

from widget_service.settings import Family, environment_variable

SERVER = """
[server:main]
use = egg:waitress#main
listen = localhost:6543
# Waitress names itself in a Server header unless it is told otherwise.
ident =
# Clients that are idle must not lock others out.
connection_limit = 1000
channel_timeout = 30
# Above rest.max_body_size, so that what is a little too large is answered in JSON.
max_request_body_size = 1048576
"""

LOGGING = """
[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = json

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = json

[formatter_json]
class = widget_service.logs.JSONFormatter
"""


class Setting(NamedTuple):
    """One setting, as people see it. ``value`` is masked where it is secret."""

    key: str
    value: str | None
    origin: str
    default: str | None
    help: str
    plugin: str


def settings(registry: Any) -> Iterator[Setting]:
    """Every setting of every included module."""
    declared = registry.settings_declared
    for family in declared.families.values():
        for key, node in family.nodes().items():
            entry = declared.source.entry(key)
            text = entry.text if entry else default(node)
            value = None if text is None else " ".join(declared.shown(key, text).split())
            origin = entry.origin if entry else "default"
            yield Setting(key, value, origin, default(node), node.description, family.package)


def default(node: colander.SchemaNode) -> str | None:
    """The default of a setting as an .ini file has it; None for a required one."""
    return None if node.missing is colander.required else ini_text(node.missing)


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


def check(_registry: Any, _args: argparse.Namespace) -> None:
    """Say so: whoever is here has read every setting without a problem."""
    print("every setting is right")


def show(registry: Any, args: argparse.Namespace) -> None:
    """Print every setting, as text or as JSON."""
    if args.json:
        print(json.dumps([each._asdict() for each in settings(registry)], indent=2))
        return
    for each in settings(registry):
        was = "" if each.origin == "default" else f"; default: {_or_none(each.default)}"
        print(f"{each.key} = {_or_none(each.value)}\n    {each.help}")
        print(f"    {each.plugin}; from: {each.origin}{was}")


def sample(registry: Any, _args: argparse.Namespace) -> None:
    """Print an .ini file with every setting, at its default, and a fresh signing key."""
    print("# Every setting of the included plugins, at its default; uncomment what to change.")
    print("\n[app:main]\nuse = egg:widget_service")
    print("pyramid.includes =")
    for plugin in registry.settings_values["pyramid"].includes:
        print(f"    {plugin}")
    for family in registry.settings_declared.families.values():
        print(f"\n# {family.prefix}.*, of {family.package}")
        for key, node in family.nodes().items():
            if key != "pyramid.includes":
                print(f"\n# {node.description}\n{_sample_line(key, node)}")
    print(SERVER)
    print("[alembic]\nscript_location = %(here)s/alembic\npath_separator = newline")
    print("version_locations =")
    for location in registry.migrations:
        print(f"    {location}")
    print(LOGGING, end="")


def reference(registry: Any, _args: argparse.Namespace) -> None:
    """Print docs/settings.md."""
    print(REFERENCE)
    for family in registry.settings_declared.families.values():
        print(f"\n## `{family.prefix}.*`\n\nOf `{family.package}`. {_about(family)}")
        print("\n| setting | default | what it is | environment variable |")
        print("| --- | --- | --- | --- |")
        for key, node in family.nodes().items():
            shown = "required" if node.missing is colander.required else f"`{default(node)}`"
            shown = "empty" if shown == "``" else shown
            print(f"| `{key}` | {shown} | {node.description} | `{environment_variable(key)}` |")


REFERENCE = """# Settings

Written by `widget-service -c development.ini config reference`.

Each setting comes from the `[app:main]` section of the .ini file, or from the environment, which
wins: from the variable in the last column, or from the file that the same name with `_FILE`
appended names. `widget-service -c FILE.ini config show` prints which values are in force, and
where each of them is from."""


def _about(family: Family) -> str:
    if family.is_open:
        return "A library's family: it takes the keys that are not listed here too."
    return "No other key is accepted."


def _sample_line(key: str, node: colander.SchemaNode) -> str:
    """The line of a setting: to be uncommented, or, where one must be set, a value that works."""
    made = getattr(node, "sample", None)
    if made is not None:
        return f"{key} = {made()}"
    text = default(node)
    return f"{key} = " if text is None else f"#{key} = {text}".replace("%", "%%").rstrip()


def _or_none(text: str | None) -> str:
    return "(not set)" if text is None else text or "(empty)"


COMMANDS = {
    "check": (check, "say whether every setting is right"),
    "show": (show, "print every setting: its value, where it is from, its default"),
    "sample": (sample, "print an .ini file with every setting of the included plugins"),
    "reference": (reference, "print the reference of all settings, in Markdown"),
}


def run(registry: Any, args: argparse.Namespace) -> None:
    """The command ``config``."""
    COMMANDS[args.what][0](registry, args)


def _arguments(parser: argparse.ArgumentParser) -> None:
    whats = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, (_run, text) in COMMANDS.items():
        what = whats.add_parser(name, help=text, description=text)
        if name == "show":
            what.add_argument("--json", action="store_true", help="print JSON")


def includeme(config: Any) -> None:
    """Add the command."""
    config.add_command("config", run, _arguments, help="settings", unmigrated=True)
