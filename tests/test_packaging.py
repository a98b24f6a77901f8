"""What is declared is what is imported, and what is built has all that it needs."""

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from processes import PATIENCE, REPOSITORY, environment

PACKAGE = REPOSITORY / "widget_service"
# What the authors of plugins test with; what it imports is in the extra "test".
TESTING = {"testing.py", "conformance"}
NAME = re.compile(r"[\w.-]+")
BOUNDED = re.compile(r"~=|(?=.*>=)(?=.*<)")
# Distributions in a namespace package are found by two names, not one.
NAMESPACES = ("zope",)
# Extras whose packages the service itself may not need.
FOR_DEVELOPERS = {"browser", "lint", "schemathesis", "test"}


def imported(file):
    """The names of the modules outside of the standard library that ``file`` imports."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        else:
            continue
        for name in names:
            top, *rest = name.split(".")
            if top not in sys.stdlib_module_names and top != "widget_service":
                yield f"{top}.{rest[0]}" if top in NAMESPACES else top


def requirements(extra=None):
    """The requirements of the distribution, or of one of its extras: text by name."""
    marker = f'extra == "{extra}"'
    texts = metadata.requires("widget_service")
    chosen = [text for text in texts if (marker in text if extra else "extra ==" not in text)]
    return {canonical(NAME.match(text)[0]): text for text in chosen}


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def undeclared():
    """Which of some modules come from no distribution of some names."""
    known = metadata.packages_distributions()

    def find(modules, declared):
        def sources(module):
            return [module] if module.startswith(NAMESPACES) else known.get(module, [])

        return [each for each in modules if not {*map(canonical, sources(each))} & declared]

    return find


def modules(*, testing):
    files = [
        file
        for file in PACKAGE.rglob("*.py")
        if (file.relative_to(PACKAGE).parts[0] in TESTING) is testing
    ]
    return {module for file in files for module in imported(file)}


def test_it_declares_every_package_that_it_imports(undeclared):
    # What only some installations need is in an extra; the tests' own are not for the service.
    extras = {*metadata.metadata("widget_service").get_all("Provides-Extra")} - FOR_DEVELOPERS
    declared = set(requirements()).union(*map(requirements, extras))
    assert undeclared(modules(testing=False), declared) == []


def test_its_extra_has_what_its_fixtures_and_its_tests_import(undeclared):
    files = [*(REPOSITORY / "tests").rglob("*.py")]
    folders = (REPOSITORY / "tests", REPOSITORY / "examples")
    ours = {path.stem for folder in folders for path in folder.rglob("*")}
    names = {name for file in files if file.parent.name != "browser" for name in imported(file)}
    names |= modules(testing=True)
    assert undeclared(names - ours, {*requirements(), *requirements("test")}) == []


def test_it_bounds_every_requirement():
    declared = [
        text
        for extra in (None, *metadata.metadata("widget_service").get_all("Provides-Extra"))
        for text in requirements(extra).values()
    ]
    assert declared
    assert [text for text in declared if not BOUNDED.search(text)] == []


@pytest.mark.parametrize(
    ("group", "name"), [("paste.app_factory", "main"), ("console_scripts", "widget-service")]
)
def test_its_entry_points_lead_somewhere(group, name):
    found = metadata.distribution("widget_service").entry_points.select(group=group, name=name)
    assert [callable(entry_point.load()) for entry_point in found] == [True]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The names in a wheel that is built of the tree, in a process where warnings are errors."""
    directory = tmp_path_factory.mktemp("build")
    source = directory / "source"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(PACKAGE, source / "widget_service", ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(REPOSITORY / name, source)
    build = "from setuptools.build_meta import build_wheel; build_wheel('..')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", build],
        cwd=source,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "deprecat" not in (done.stdout + done.stderr).lower()
    (built,) = directory.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_its_wheel_has_every_file_of_the_package(wheel):
    there = [
        str(file.relative_to(REPOSITORY))
        for file in PACKAGE.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    assert any("/migrations/" in name for name in there)
    assert any("/static/" in name for name in there)
    assert [name for name in there if name not in wheel] == []


def test_its_wheel_has_nothing_else_but_metadata(wheel):
    assert {Path(name).parts[0] for name in wheel} == {
        "widget_service",
        "widget_service-1.0.0.dist-info",
    }


def test_its_wheel_has_the_licence_of_everything_in_it(wheel):
    licences = [name for name in wheel if "/licenses/" in name]
    assert [name for name in licences if "swagger" in name or "static" in name]
    assert [name for name in licences if name.endswith("licenses/LICENSE")]
