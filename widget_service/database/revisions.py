"""Which revisions the plugins have, read from their folders without Alembic.

Loading Alembic takes a seventh of the time to start, and 6 MB: where nothing is to be migrated this
does instead. Modules that say in any other way than in a plain assignment what they come after are
left to Alembic: see :mod:`widget_service.database.migrations`.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyramid.exceptions import ConfigurationError

# What says where a revision stands.
NAMES = ("revision", "down_revision", "branch_labels", "depends_on")


class Revision(NamedTuple):
    """A revision, the ones before it, and the labels of the branch that begins with it."""

    file: Path
    name: str
    down: tuple[str, ...]
    labels: tuple[str, ...]
    depends_on: tuple[str, ...]


class Mistaken(Exception):
    """A revision that cannot be meant so; Alembic would overlook it, or say nothing of where."""

    def __init__(self, revision: Revision, text: str) -> None:
        super().__init__(text)
        self.revision = revision


class Revisions:
    """The revisions of all included plugins, as they were when the application was made.

    A newer release that is installed while this process runs brings some that it knows nothing of.
    """

    def __init__(self, found: Collection[Revision]) -> None:
        """
        :raises Mistaken: two have one name, or one comes after what is not there
        :raises ValueError: only Alembic can say what is wrong with them
        """
        names = {each.name for each in found}
        named = _named(found)
        self.heads = names - {name for each in found for name in each.down}
        self._before = {
            each.name: tuple(named[name].name for name in (*each.down, *each.depends_on))
            for each in found
        }
        if self._reached(self.heads) != names:
            raise ValueError("some go round in a circle")

    def compare(self, current: Collection[str]) -> tuple[list[str], set[str]]:
        """The heads that a database has not reached, and those it has that no plugin knows.

        :param current: the revisions that its ``alembic_version`` has
        """
        unknown = set(current) - self._before.keys()
        return sorted(self.heads - self._reached(set(current) - unknown)), unknown

    def _reached(self, names: Collection[str]) -> set[str]:
        """These, and what comes before them."""
        reached: set[str] = set()
        ahead = list(names)
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += self._before[name]
        return reached


def _named(found: Collection[Revision]) -> dict[str, Revision]:
    """Revisions by their names, and the first ones by the labels of their branches.

    :raises Mistaken: two have one name, or one names what is not there
    """
    names = {each.name for each in found}
    named: dict[str, Revision] = {}
    for each in found:
        for name in (each.name, *each.labels):
            other = named.setdefault(name, each)
            if other is not each:
                raise Mistaken(each, f"{other.file} is named so, too")
    for each in found:
        # A label will do for what a branch depends on, and for nothing else.
        unknown = {*each.down} - names | {*each.depends_on} - named.keys()
        if unknown:
            text = f"it comes after {', '.join(sorted(unknown))}, which no included plugin has"
            raise Mistaken(each, text)
    return named


def read(folders: Sequence[str]) -> Revisions | None:
    """The revisions in these folders; None where only Alembic can tell.

    :raises Mistaken: they cannot be meant so
    """
    try:
        return Revisions([each for folder in folders for each in _revisions(Path(folder))])
    except (OSError, RecursionError, SyntaxError, TypeError, ValueError):
        return None


def _revisions(folder: Path) -> Iterator[Revision]:
    """:raises ValueError: there is none, or one that is not plain"""
    found = sorted(folder.glob("*.py"))
    files = [each for each in found if not each.name.startswith((".#", "__init__"))]
    if not files:
        raise ValueError(f"no revisions in {folder}")
    for file in files:
        said = {**dict.fromkeys(NAMES), **_assigned(file)}
        name = said["revision"]
        if not isinstance(name, str):
            raise TypeError(f"no revision in {file}")
        yield Revision(file, name, *(_names(said[each]) for each in NAMES[1:]))


def _assigned(file: Path) -> dict[str, Any]:
    """What a module gives to NAMES, each in a plain assignment of a value that is written out.

    :raises ValueError: it does so in another way, perhaps
    """
    tree = ast.parse(file.read_bytes())
    found: dict[str, Any] = {}
    for node in tree.body:
        target = _target(node)
        if target in NAMES:
            found[target] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
    bound = [name for node in ast.walk(tree) for name in _bound(node)]
    if sorted(name for name in bound if name in NAMES) != sorted(found) or "*" in bound:
        raise ValueError(f"{file} is not plain")
    if "down_revision" not in found:
        raise ValueError(f"{file} does not say what it comes after")
    return found


def _target(node: ast.stmt) -> str | None:
    """The name that a plain assignment is to."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign) and node.value:
        target = node.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _bound(node: ast.AST) -> list[str]:
    """The names that something is given, taken from or imported under, anywhere in a module."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return [node.id]
    if isinstance(node, ast.alias):
        return [node.asname or node.name]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    return []


def _names(value: Any) -> tuple[str, ...]:
    """None, a name or several.

    :raises TypeError: something else
    """
    names = () if value is None else (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{value!r} names no revisions")
    return names


def folder(location: str) -> str:
    """Where a plugin's revisions are.

    :raises ConfigurationError: nowhere
    """
    package, _, name = location.partition(":")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        if name and (Path(place) / name).is_dir():
            return str(Path(place) / name)
    raise ConfigurationError(f"there is no folder {location}")
