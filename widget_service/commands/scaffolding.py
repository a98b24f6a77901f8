"""``widget-service plugin new NAME``: a plugin to begin with, which passes its tests."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from widget_service.cli import CommandError

NAME = re.compile(r"[a-z][a-z0-9]{1,29}")
# What a plugin of that name would shadow, or be shadowed by, whatever is installed.
PACKAGES = {"widget_service", "auth", "widgets", "docs", "tests", "alembic", "gadgets"}
# What its own modules call something else.
NAMES = {
    "base",
    "collection",
    "conflict",
    "listing",
    "mapped",
    "page",
    "request",
    "schemas",
    "show",
}
# The prefixes of settings, the services and the tables that the service or one of its plugins has.
OURS = {
    "cors",
    "database",
    "headers",
    "hosts",
    "ops",
    "paging",
    "rest",
    "retry",
    "settings",
    "throttle",
    "timing",
    "tm",
    "widget",
}


def run(_registry: Any, args: argparse.Namespace) -> None:
    """Write the plugin into a new folder of its name.

    :raises CommandError: the name is none for a package, or the folder is there already
    """
    name, target = args.name, Path(args.name)
    wrong = refusal(name)
    if wrong:
        raise CommandError(f"{name}: {wrong}")
    if target.exists():
        raise CommandError(f"{target} exists already")
    _write(
        files("widget_service.commands") / "scaffold", target, {"name": name, "title": name.title()}
    )
    print(f"{target}/ is a plugin; its README.md says how to use it")


def refusal(name: str) -> str | None:
    """Why no plugin can have this name; None where one can."""
    if not NAME.fullmatch(name):
        return "a name has 2 to 30 lowercase letters and digits, the first of them a letter"
    if keyword.iskeyword(name):
        return "that is a word of Python's"
    if name in OURS:
        return "the service has settings, a service or a table of that name"
    if name in NAMES:
        return "the modules of a plugin call something else by that name"
    if name in PACKAGES or name in sys.stdlib_module_names or find_spec(name) is not None:
        return "there is a package of that name, and one of them would hide the other"
    return None


def _write(source: Traversable, target: Path, names: dict[str, str]) -> None:
    target.mkdir()
    for item in source.iterdir():
        if item.is_dir():
            _write(item, target / item.name.replace("package", names["name"]), names)
        else:
            text = Template(item.read_text(encoding="utf-8")).substitute(names)
            (target / item.name.removesuffix(".txt")).write_text(text, encoding="utf-8")


def _arguments(parser: argparse.ArgumentParser) -> None:
    new = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    new.add_parser("new", help="write a new plugin").add_argument("name", metavar="NAME")


def includeme(config: Any) -> None:
    """Add the command."""
    config.add_command("plugin", run, _arguments, help="begin a plugin", unmigrated=True)
