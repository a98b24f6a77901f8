"""Who may import whom.

The core imports no plugin. A plugin imports another one only if it includes it. Inside of a plugin
things depend on each other in one direction. A library that nobody keeps up is in one module.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "widget_service"
# A plugin has settings of its own; the folders of the core have not.
PLUGINS = sorted(each.parent.name for each in PACKAGE.glob("*/settings.py"))
# conformance is no part of the service, but tests of what plugins document.
CORE = sorted(
    each.relative_to(PACKAGE).as_posix()
    for each in PACKAGE.rglob("*.py")
    if each.relative_to(PACKAGE).parts[0] not in {*PLUGINS, "conformance"}
    and "scaffold" not in each.parts
)

# Each may import what is on its left, and what is in its own place.
ORDER = [
    {"settings", "models", "schemas", "events"},
    {"logic"},
    {"resources"},
    {"security"},
    {"views", "commands"},
    {"__init__"},
]
FIXED = set().union(*ORDER)

# The library, and the one module that knows it.
DORMANT = {
    "pyramid_jwt": "auth/tokens.py",
    "passlib": "auth/passwords.py",
    "cornice_swagger": "docs/swagger.py",
    "cornice": "rest.py",
}


def imported(file: Path) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def included(plugin: str) -> set[str]:
    """The plugins that a plugin's includeme includes, by name."""
    tree = ast.parse((PACKAGE / plugin / "__init__.py").read_text(encoding="utf-8"))
    calls = [
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "include"
        and isinstance(node.args[0], ast.Constant)
    ]
    return {call.removeprefix("widget_service.") for call in calls} - {"widget_service"}


def place(module: str) -> int:
    name = module if module in FIXED else "logic"
    return next(number for number, names in enumerate(ORDER) if name in names)


def inside(name: str) -> list[str]:
    """``["auth", "models", "User"]`` for ``widget_service.auth.models.User``; else nothing."""
    first, *rest = name.split(".")
    return rest if first == "widget_service" else []


def test_it_looks_at_something():
    assert set(PLUGINS) == {"auth", "docs", "ops", "throttle", "widgets"}
    assert {"rest.py", "db.py", "serving/server.py"} <= set(CORE)
    assert included("widgets") == {"auth"}
    assert "cornice" in {name.partition(".")[0] for name in imported(PACKAGE / "rest.py")}


@pytest.mark.parametrize("module", CORE)
def test_the_core_imports_no_plugin(module):
    found = {name for name in imported(PACKAGE / module) if {*inside(name)[:1]} & {*PLUGINS}}
    assert found == set()


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_includes_the_plugins_that_it_imports(plugin):
    used = {
        inside(name)[0]
        for file in (PACKAGE / plugin).rglob("*.py")
        for name in imported(file)
        if {*inside(name)[:1]} & {*PLUGINS}
    }
    assert used - {plugin} <= included(plugin)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_modules_of_a_plugin_depend_on_each_other_in_one_direction(plugin):
    upwards = [
        f"{file.stem} imports {names[1]}"
        for file in (PACKAGE / plugin).glob("*.py")
        for names in map(inside, imported(file))
        if len(names) > 1 and names[0] == plugin and place(names[1]) > place(file.stem)
    ]
    assert upwards == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_migrations_know_no_models(plugin):
    # They must still run when the models have moved on.
    for file in (PACKAGE / plugin / "migrations").glob("*.py"):
        assert [name for name in imported(file) if inside(name)] == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_logic_of_a_plugin_does_not_see_http(plugin):
    for file in (PACKAGE / plugin).glob("*.py"):
        if file.stem in FIXED - {"models", "schemas"}:
            continue
        found = {name for name in imported(file) if name.split(".")[0] in ("webob", "waitress")}
        assert found == set(), file


@pytest.mark.parametrize(("library", "home"), DORMANT.items())
def test_what_nobody_keeps_up_is_in_one_module(library, home):
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in PACKAGE.rglob("*.py")
        if library in {name.partition(".")[0] for name in imported(file)}
    }
    assert users == {home}
