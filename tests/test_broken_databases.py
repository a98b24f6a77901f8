"""Databases that are named wrong, or are not there: the service refuses to start."""

import pytest
from mistakes import (
    MASKED,
    PSYCOPG,
    SECRET,
    Case,
    Mistake,
    check_application,
    check_command,
    prepare,
    text,
)

CASES = {
    "no database": Case(
        text(url=None), [Mistake("sqlalchemy.url", None, "must be set", "not set")]
    ),
    "an empty URL": Case(text(url=""), [Mistake("sqlalchemy.url", "***", "is no URL")]),
    "nonsense for a URL": Case(
        text(url=f"my database {SECRET}"), [Mistake("sqlalchemy.url", "***", "is no URL")]
    ),
    "an unknown kind of database": Case(
        text(url=f"oracel://joe:{SECRET}@localhost/db"),
        [Mistake("sqlalchemy.url", "oracel://joe:***@localhost/db", "must begin with")],
    ),
    "another driver": Case(
        text(url=f"postgresql://joe:{SECRET}@localhost/db"),
        [
            Mistake(
                "sqlalchemy.url",
                "postgresql://joe:***@localhost/db",
                "must begin with sqlite:// or postgresql+psycopg://",
            )
        ],
    ),
    "a port that is no number": Case(
        text(url=f"{PSYCOPG}localhost:port/db"), [Mistake("sqlalchemy.url", "***", "is no URL")]
    ),
    "a password with an @": Case(
        text(url=f"postgresql+psycopg://joe:secret@{SECRET}@localhost/db"),
        [Mistake("sqlalchemy.url", "***", "write @ as %40")],
    ),
    "databases in memory": Case(
        text(url="sqlite://"),
        [Mistake("sqlalchemy.url", "sqlite://", "an in-memory SQLite database does not work")],
    ),
    "a named database in memory": Case(
        text(url="sqlite:///file::memory:?cache=shared&uri=true"),
        [
            Mistake(
                "sqlalchemy.url",
                "sqlite:///file%3A%3Amemory%3A?cache=shared&uri=true",
                "an in-memory SQLite database does not work; name a file",
            )
        ],
    ),
    "a server that is not there": Case(
        text(url=f"{PSYCOPG}localhost:1/db"),
        [Mistake("sqlalchemy.url", f"{MASKED}localhost:1/db", "the database cannot be used: conn")],
    ),
    "an option that the driver does not know": Case(
        text(url=f"{PSYCOPG}localhost:1/db?password={SECRET}&sslmode=maybe"),
        [
            Mistake(
                "sqlalchemy.url",
                f"{MASKED}localhost:1/db?password=***&sslmode=maybe",
                'the database cannot be used: connection is bad: invalid sslmode value: "maybe"',
            )
        ],
    ),
    "a folder that is not there": Case(
        text(url="sqlite:////no/such/folder/test.sqlite"),
        [Mistake("sqlalchemy.url", "sqlite:////no/such/folder/test.sqlite", "there is no /no/s")],
    ),
    "a database that is not migrated": Case(
        text(migrate="false"),
        [Mistake("database.migrate_at_start", "false", "outstanding migrations (", "FILE")],
        files=("test.sqlite",),
    ),
    "a database that is not there": Case(
        text(url="sqlite:////not-there.sqlite", migrate="false"),
        [
            Mistake(
                "sqlalchemy.url",
                "sqlite:////not-there.sqlite",
                "directory); if it is to be a new one, run: widget-service -c ",
            )
        ],
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    """One of the broken files."""
    return CASES[request.param]


@pytest.fixture
def file(case, tmp_path, monkeypatch, write_plugin):
    """Its path, with everything in place that it is read beside."""
    return prepare(case, tmp_path, monkeypatch, write_plugin)


def test_it_refuses_to_start(file, case):
    check_application(file, case)


@pytest.mark.parametrize(
    "case", ["a server that is not there", "a database that is not migrated"], indirect=True
)
def test_it_refuses_to_run_commands(file, case, capsys):
    check_command(file, case, capsys)
