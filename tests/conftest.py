"""The service's own tests use what it offers to the authors of plugins."""

import gc
import importlib
import sys

import pytest

pytest_plugins = ["widget_service.testing", "figures"]


def pytest_collection_finish(session):
    """Spare the collector the tests themselves: it would look at thousands each time, in vain."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def write_plugin(tmp_path, monkeypatch):
    """A function that makes a module of a text, importable until the test ends."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])

    def write(name, text):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
        return folder / f"{name}.py"

    return write
