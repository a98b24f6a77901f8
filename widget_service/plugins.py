"""What is plugged in: which plugin brings which routes, permissions, settings, tables, commands.

A plugin names its permissions in its includeme, with what each of them allows::

    config.declare_permissions({"gadgets:read": "list and show gadgets"})

Two plugins that name the same one, and a view whose permission nobody named, are errors at start.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pyramid.interfaces import ITweens
from pyramid.path import DottedNameResolver
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import Connection
from sqlalchemy import inspect as inspect_database

from widget_service import contexts
from widget_service.db import Base
from widget_service.principals import UNDECLARED
from widget_service.settings import Problem, StartupError

NOBODYS = "other libraries"
PUBLIC = "PUBLIC"
# Every resource answers them alike, so they say nothing about a plugin.
IMPLIED = frozenset({"HEAD", "OPTIONS"})
# What lets two routes have one path.
PREDICATES = ("request_methods", "path_info", "xhr", "request_param", "header", "accept",
              "custom_predicates")  # fmt: skip


class Route(NamedTuple):
    """A method of a route; its permission is PUBLIC where anybody may."""

    plugin: str
    method: str
    path: str
    permission: str


def declare_permissions(config: Any, permissions: Mapping[str, str]) -> None:
    """Name the permissions of a plugin (a directive).

    :param permissions: to each name, what it allows
    """
    for name, allows in permissions.items():
        introspectable = config.introspectable("declared permissions", name, name, "permission")
        introspectable.update(name=name, allows=allows)
        config.action(("permission", name), introspectables=(introspectable,))


class Plugins:
    """The plugins of one application, as Pyramid's introspector knows them."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry
        self.introspector = registry.introspector
        declared = registry.settings_declared.families.values()
        names = {*registry.settings_values["pyramid"].includes, *(f.package for f in declared)}
        self._folders = {name: _folder(name) for name in names}

    @property
    def names(self) -> list[str]:
        """The core first, then the plugins by name."""
        return sorted(self._folders, key=lambda name: (name != __package__, name))

    def of_file(self, file: str) -> str:
        """The plugin that a source file belongs to."""
        found = [n for n, folder in self._folders.items() if Path(file).is_relative_to(folder)]
        return max(found, key=len, default=NOBODYS)

    def of_module(self, module: str) -> str:
        """The plugin that a module belongs to."""
        found = [n for n in self._folders if f"{module}.".startswith(f"{n}.")]
        return max(found, key=len, default=NOBODYS)

    def each(self, category: str) -> Iterator[tuple[str, Any]]:
        """Everything of one of the introspector's categories, with the plugin that brings it."""
        for item in self.introspector.get_category(category) or ():
            found = item["introspectable"]
            info = found.action_info
            yield self.of_file(getattr(info, "file", "")), found

    def routes(self) -> Iterator[Route]:
        """Every method of every route."""
        patterns = {found["name"]: found["pattern"] for _, found in self.each("routes")}
        for plugin, view in self.each("views"):
            path = patterns.get(view["route_name"])
            # Cornice's view that answers 405 is nobody's.
            if path is None or getattr(view["callable"], "__module__", "").startswith("cornice"):
                continue
            methods = view["request_methods"] or "ANY"
            for method in {methods} if isinstance(methods, str) else set(methods):
                if method not in IMPLIED:
                    full = f"/{path.removeprefix('/')}"
                    yield Route(plugin, method, full, self._permission(view))

    def tables(self) -> Iterator[tuple[str, Any]]:
        """The tables of the models of each plugin."""
        for mapper in Base.registry.mappers:
            plugin = self.of_module(mapper.class_.__module__)
            # The core has none: what looks so is of a plugin in its folder that only another
            # application of this process includes.
            if plugin not in (NOBODYS, __package__):
                yield from ((plugin, table) for table in mapper.tables)

    def tweens(self) -> Iterator[tuple[str, str]]:
        """The tweens of each plugin, the outermost first."""
        tweens = self.registry.getUtility(ITweens)
        for name, _factory in tweens.explicit or tweens.implicit():
            yield self.of_module(name), name

    def undeclared(self) -> Iterator[Problem]:
        """The permissions of views that no plugin named."""
        declared = {found["name"] for _, found in self.each("declared permissions")}
        known = declared | {UNDECLARED, NO_PERMISSION_REQUIRED}
        for _, found in self.each("permissions"):
            if found["value"] not in known:
                info = found.action_info
                text = "a view asks for it, but no plugin names it in config.declare_permissions"
                yield Problem(found["value"], None, f"{info.file}, line {info.line}", text)

    def shadowed(self) -> Iterator[Problem]:
        """The routes that no request reaches, because another one has the same path."""
        first: dict[tuple[Any, ...], Any] = {}
        for _, found in self.each("routes"):
            path = contexts.shape_of(f"/{found['pattern'].removeprefix('/')}")
            key = (path, *(str(found[each]) for each in PREDICATES))
            other = first.setdefault(key, found)
            if other is not found:
                here, there = (f"{each.action_info.file}, line {each.action_info.line}"
                               for each in (found, other))  # fmt: skip
                text = f"the path of route {found['name']} is that of {other['name']} ({there})"
                yield Problem(path, None, here, text)

    def unmade(self, connection: Connection) -> Iterator[Problem]:
        """The tables that the database does not have of plugins without migrations.

        A view will do for one. Of the others somebody may just write the migration.
        """
        found = inspect_database(connection)
        migrated = {self.of_module(each.partition(":")[0]) for each in self.registry.migrations}
        for plugin, table in self.tables():
            if plugin not in migrated and not found.has_table(table.name, schema=table.schema):
                text = "is not there; name the plugin's migrations with config.add_migrations"
                yield Problem(f"table {table.fullname}", None, plugin, text)

    def _permission(self, view: Any) -> str:
        for related in self.introspector.related(view):
            if related.category_name == "permissions":
                public = related["value"] == NO_PERMISSION_REQUIRED
                return PUBLIC if public else str(related["value"])
        return UNDECLARED


def check(registry: Any) -> None:
    """Look for what is wrong between plugins.

    :raises StartupError: a permission that no plugin named, two routes on one path, or a context
        that cannot be made
    """
    plugins = Plugins(registry)
    problems = [*plugins.undeclared(), *plugins.shadowed(), *contexts.problems(registry)]
    if problems:
        raise StartupError(problems)


def describe(registry: Any, _args: argparse.Namespace) -> None:
    """The command ``plugins``: print what each plugin brings."""
    plugins = Plugins(registry)
    routes = sorted(plugins.routes())
    tables = sorted((plugin, table.name) for plugin, table in plugins.tables())
    for plugin in (*plugins.names, NOBODYS):
        print(plugin)
        for route in routes:
            if route.plugin == plugin:
                print(f"  route       {route.method:6} {route.path}  {route.permission}")
        for category, shown in SHOWN.items():
            for owner, found in plugins.each(category):
                if owner == plugin:
                    print(f"  {shown:11} {found.title}{_more(found)}")
        for what, things in (("tween", plugins.tweens()), ("table", tables)):
            for owner, name in things:
                if owner == plugin:
                    print(f"  {what:11} {name}")


SHOWN = {
    "declared permissions": "permission",
    "settings": "settings",
    "migrations": "migrations",
    "commands": "command",
}


def _more(found: Any) -> str:
    if "schema" in found:
        return f": {', '.join(node.name for node in found['schema'].children)}"
    return f": {found['allows']}" if "allows" in found else ""


def _folder(package: str) -> Path:
    """Where the source of a plugin is: a folder, or the file of a plugin of one module."""
    module = inspect.getmodule(DottedNameResolver(None).maybe_resolve(package))
    file = Path(str(getattr(module, "__file__", package)))
    return file.parent if file.name == "__init__.py" else file


def includeme(config: Any) -> None:
    """The directive and the command."""
    config.add_directive("declare_permissions", declare_permissions)
    config.add_command("plugins", describe, help="list what each plugin brings", unmigrated=True)
