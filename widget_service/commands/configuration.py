"""``widget-service config …``: what is configured, by whom, and what could be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import colander

from widget_service.settings import StartupError
from widget_service.settings.declarations import Family, default_text
from widget_service.settings.sources import environment_variable

SERVER = """
[server:main]
use = egg:widget_service#server
listen = localhost:6543

[pshell]
setup = widget_service.db.pshell_setup
"""

LOGGING = """
[loggers]
keys = root, alembic_plugins

[handlers]
keys = console

[formatters]
keys = json

[logger_root]
level = INFO
handlers = console

# What migrations do is logged by alembic.runtime.migration; this one only lists Alembic's parts.
[logger_alembic_plugins]
level = WARNING
handlers =
qualname = alembic.runtime.plugins

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = json

[formatter_json]
class = widget_service.logs.JSONFormatter
"""


PASSED_ON = "Passed on to the library as it is."


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
            default = (
                None if default_text(node) is None else declared.shown(key, default_text(node))
            )
            value = " ".join(declared.shown(key, entry.text).split()) if entry else default
            origin = entry.origin if entry else "default"
            yield Setting(key, value, origin, default, node.description, family.package)
        for name, entry in declared.others(family) if family.is_open else ():
            key = f"{family.prefix}.{name}"
            yield Setting(key, entry.text, entry.origin, None, PASSED_ON, family.package)


def check(registry: Any, _args: argparse.Namespace) -> None:
    """Say whether it would start: whoever is here has read every setting without a problem.

    :raises StartupError: another section of the file is wrong
    """
    # Not above: it loads the server, which no other command needs.
    from widget_service.commands import sections  # noqa: PLC0415

    problems = [*sections.problems(registry.settings_declared.source.file)]
    if problems:
        raise StartupError(problems)
    print("All settings are valid. The database and the other checks at start were not tried.")


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
            shown = "required" if node.missing is colander.required else f"`{default_text(node)}`"
            shown = "empty" if shown == "``" else _cell(shown)
            print(
                f"| `{key}` | {shown} | {_cell(node.description)} | `{environment_variable(key)}` |"
            )


REFERENCE = """# Settings

Written by `widget-service -c production.ini config reference`, with every plugin that is here.

Each setting comes from the `[app:main]` section of the .ini file, or from the environment, which
wins: from the variable in the last column, or from the file that the same name with `_FILE`
appended names; both at once are a mistake. `widget-service -c FILE.ini config show` prints which
values are in force, and where each of them is from; `config check` says whether all are right,
and `config sample` prints a file to begin with.

What is wrong is named when the service starts, all of it, with the file and the line: unknown
names as well. Secrets are not shown.

The .ini file is read by PasteDeploy, which has rules of its own:

- A percent sign is written `%%`; `%(here)s` is the folder of the file. A single `%`, and a
  name that is there twice, stop `pserve` with a traceback, as does whatever else it cannot read;
  `config check` names the lines, and looks at servers and logging as well.
- `pserve FILE.ini jwt.expiration=600` sets a setting, over that of the file and below the
  environment.
- What is in `[DEFAULT]` is a setting too, and wins over the same one of the command line. In
  `[app:main]` as well it is a mistake."""


def _about(family: Family) -> str:
    if family.is_open:
        return "A library's family: it takes the keys that are not listed here too."
    return "No other key is accepted."


def _cell(text: str) -> str:
    """A text that does not end its cell of a table."""
    return text.replace("|", "\\|")


def _sample_line(key: str, node: colander.SchemaNode) -> str:
    """The line of a setting: to be uncommented, or, where one must be set, a value that works."""
    made = getattr(node, "sample", None)
    if made is not None:
        return f"{key} = {made()}"
    text = default_text(node)
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
