"""What an answer took, for whoever asks for it in the .ini file."""

import re
from types import SimpleNamespace

import pytest
from core import serving
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import select

from widget_service.tweens.timing import tween_factory

PLUGINS = ("plugins.notes", "plugins.faulty")
TIMING = re.compile(r'total;dur=\d+\.\d\d, sql;desc="(\d+) statements"')


@pytest.fixture(scope="module")
def testapp(tmp_path_factory):
    settings = {"timing__header": "true", "database__migrate_at_start": "true"}
    with serving(tmp_path_factory.mktemp("timing"), *PLUGINS, **settings) as testapp:
        yield testapp


@pytest.mark.parametrize(
    ("method", "path", "status", "statements"),
    [
        ("GET", "/api/v1/notes", 200, "1"),
        # The transaction's own do not count.
        ("POST", "/api/v1/notes/core", 200, "1"),
        ("GET", "/nothing", 404, "0"),
        ("GET", "/api/v1/faulty/bug", 500, "0"),
    ],
)
def test_it_tells_how_long_and_how_many_statements(testapp, method, path, status, statements):
    for _attempt in range(2):
        answer = testapp.request(path, method=method, status=status)
        assert TIMING.fullmatch(answer.headers["Server-Timing"])[1] == statements


def test_it_counts_no_statements_of_before(testapp):
    testapp.app.registry.database.read(select(1))
    assert '"0 statements"' in testapp.get("/nothing", status=404).headers["Server-Timing"]


def test_it_tells_nothing_by_itself(tmp_path):
    with serving(tmp_path, "plugins.notes") as testapp:
        assert "Server-Timing" not in testapp.get("/nothing", status=404).headers


def test_it_counts_all_attempts_together():
    observers = []
    registry = SimpleNamespace(database=SimpleNamespace(observe=observers.append))

    def handler(_request):
        observers[0]("SELECT 1")
        return Response()

    tween = tween_factory(handler, registry)
    environ = {}
    for statements in ("1", "2"):
        answer = tween(Request(environ))
        assert TIMING.fullmatch(answer.headers["Server-Timing"])[1] == statements
