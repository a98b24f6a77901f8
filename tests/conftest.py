"""The service's own tests use what it offers to the authors of plugins."""

import functools
import importlib
import sys

import plaster.loaders
import pytest
from hypothesis import settings
from running import Running

# How long an example takes says more of the machine than of the service.
settings.register_profile("service", deadline=None)
settings.load_profile("service")

pytest_plugins = ["widget_service.testing", "figures"]


@pytest.fixture(scope="session", autouse=True)
def _loaders_are_known():
    """Look once which package reads .ini files: to look costs half of what a command does."""
    found = functools.cache(plaster.loaders.find_loaders)

    def known(scheme, protocols=None):
        return found(scheme, protocols and tuple(protocols))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plaster.loaders, "find_loaders", known)
        yield


@pytest.fixture
def serve():
    """A function that serves an application in this process, until the test ends."""
    made = []

    def start(app, **options):
        made.append(Running(app, **options))
        return made[-1]

    yield start
    for each in made:
        each.end()


@pytest.fixture
def write_plugin(tmp_path, monkeypatch):
    """A function that makes a module of a text, importable until the test ends.

    A package is a module in a folder: ``name/__init__``.
    """
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])

    def write(name, text):
        file = folder / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        module = name.removesuffix("/__init__")
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.delitem(sys.modules, module)
        return file

    return write
