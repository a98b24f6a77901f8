"""A plugin that was just begun is whole: it passes the tests that every plugin passes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from widget_service import cli

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


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
    assert "10 passed" in tests.stdout


def test_it_is_all_in_plain_files(tmp_path):
    cli.main(["plugin", "new", "gears"])
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert "gears/gears/migrations/0001_first.py" in files
    assert "gears/pyproject.toml" in files
    assert not any("$" in Path(name).read_text() for name in files)
    for name in files:
        if name.endswith(".py"):
            compile(Path(name).read_text(), name, "exec")


@pytest.mark.parametrize(
    "name",
    ["Gears", "9gears", "gears-2", "class", "auth", "../gears", "g", "", "json", "pyramid", "page"],
)
def test_it_refuses_a_name_that_no_package_can_have(tmp_path, name, capsys):
    assert cli.main(["plugin", "new", name]) == 1
    assert "lowercase letters" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_it_leaves_alone_what_is_there(tmp_path, capsys):
    (tmp_path / "gears").mkdir()
    assert cli.main(["plugin", "new", "gears"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert not any((tmp_path / "gears").iterdir())
