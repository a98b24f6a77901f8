"""What an answer took, for whoever asks for it in the .ini file."""

import re

import pytest
from core import serving
from sqlalchemy import select

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
