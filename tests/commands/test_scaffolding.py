"""A plugin that was just begun is whole: it passes the tests that every plugin passes."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from widget_service import cli
from widget_service.commands import scaffolding
from widget_service.database import migrations
from widget_service.docs import operations
from widget_service.plugins import Plugins
from widget_service.testing import PLUGINS, application, ini_text

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Folders of tests would pass for packages of the same names.
    ours = {str(ROOT), str(ROOT / "tests")}
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ours])


@pytest.mark.processes
def test_it_writes_a_plugin_that_passes_the_conformance_tests(tmp_path, capsys, postgresql):
    assert cli.main(["plugin", "new", "gears"]) == 0
    assert "gears/ is a plugin" in capsys.readouterr().out
    # In one process, on the server that is there.
    options = ["-q", "-n0", "-p", "no:cacheprovider", "-c", ROOT / "pyproject.toml"]
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir=.", "tests"],
        cwd=tmp_path / "gears",
        env={**os.environ, "PYTHONPATH": ".", "TEST_POSTGRESQL": postgresql},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
    assert "12 passed" in tests.stdout


def test_it_is_all_in_plain_files(tmp_path):
    cli.main(["plugin", "new", "gears"])
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert "gears/gears/migrations/0001_first.py" in files
    assert "gears/pyproject.toml" in files
    assert not any("$" in Path(name).read_text() for name in files)
    for name in files:
        if name.endswith(".py"):
            compile(Path(name).read_text(), name, "exec")


LETTERS, PACKAGE = "lowercase letters", "a package of that name"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Gears", LETTERS),
        ("9gears", LETTERS),
        ("gears-2", LETTERS),
        ("../gears", LETTERS),
        ("g", LETTERS),
        ("", LETTERS),
        ("class", "a word of Python's"),
        *((name, PACKAGE) for name in ("auth", "docs", "gadgets", "tests", "widgets")),
        ("json", PACKAGE),
        ("pyramid", PACKAGE),
        ("page", "the modules of a plugin"),
        ("paging", "the service has settings"),
    ],
)
def test_it_refuses_a_name_that_no_plugin_can_have(tmp_path, name, why, capsys):
    assert cli.main(["plugin", "new", name]) == 1
    assert why in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_it_refuses_what_the_service_and_its_plugins_have(tmp_path):
    plugins = (*PLUGINS, "widget_service.ops", "widget_service.throttle")
    app = application(ini_text(f"sqlite:///{tmp_path / 'test.sqlite'}", plugins), tmp_path)
    app.registry.database.close()
    services = [service.name for service in operations.documented(app.registry)]
    tables = [table for _plugin, table in Plugins(app.registry).tables()]
    # Of the services alone, as other tests have models in this process.
    ours = [table.name for table in tables if table.name in migrations.tables(app.registry)]
    names = {*app.registry.settings_declared.families, *services, *ours}
    assert {"settings", "paging", "widget"} <= names
    assert [name for name in sorted(names) if scaffolding.refusal(name) is None] == []


def test_it_refuses_what_its_modules_call_something_else():
    cli.main(["plugin", "new", "gears"])
    found = set()
    for file in Path("gears/gears").glob("*.py"):
        nodes = [*ast.walk(ast.parse(file.read_text()))]
        names = {each.id for each in nodes if isinstance(each, ast.Name)}
        defined = (ast.alias, ast.ClassDef, ast.FunctionDef)
        names |= {each.name for each in nodes if isinstance(each, defined)}
        for own, like in (("gears", str.lower), ("Gears", str.title)):
            found |= {name.lower() for name in names if own in names and like(name) == name}
    # The function that calls something so has no use for the plugin.
    found = {name for name in found if scaffolding.NAME.fullmatch(name)} - {"gears", "row"}
    assert {"page", "conflict"} <= found
    assert [name for name in sorted(found) if scaffolding.refusal(name) is None] == []


def test_it_leaves_alone_what_is_there(tmp_path, capsys):
    (tmp_path / "gears").mkdir()
    assert cli.main(["plugin", "new", "gears"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert not any((tmp_path / "gears").iterdir())
