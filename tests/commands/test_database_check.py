"""``widget-service check-database``: what it finds wrong with a database."""

import argparse
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DatabaseError

from widget_service import configure_file
from widget_service.cli import CommandError
from widget_service.commands import database_check
from widget_service.testing import application, ini_text

WIDGET = (
    "INSERT INTO widget (name, info_url, created_at, deadline, version, owner_id)"
    " VALUES ('a', 'https://example.com', '2026-01-01', '2026-01-01', 1, 1000)"
)
LATER = "UPDATE alembic_version SET version_num = 'x' WHERE version_num LIKE 'widgets%'"
# An index of one column that is said to be of another one.
MISTAKEN = (
    "CREATE INDEX odd ON site_user (email)",
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_schema SET sql = replace(sql, '(email)', '(public_id)') WHERE name = 'odd'",
)
# As the table was before ids of accounts were no longer used again.
OLD_ACCOUNTS = (
    "PRAGMA writable_schema = ON",
    "UPDATE sqlite_schema SET sql = replace(sql, ' AUTOINCREMENT', '') WHERE name = 'site_user'",
)
USER = (
    "INSERT INTO site_user (public_id, email, email_key, password_hash, registered_on, admin,"
    " disabled, password_version) VALUES ('a', 'b', 'b', 'c', '2026-01-01', false, false, 0)"
)


@pytest.fixture
def database(own_database, tmp_path):
    """The URL of a database with nothing but tables, and an .ini file of it."""
    application(ini_text(own_database), tmp_path).registry.database.close()
    return own_database


def change(url, *statements):
    """Do with the database what nobody should."""
    engine = create_engine(url)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # As those who load a database fast do; SQLite's driver does not look by itself.
            connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def check(directory):
    registry = configure_file(str(directory / "test.ini")).registry
    with closing(registry.database):
        database_check.check(registry, argparse.Namespace())


def test_it_says_what_it_has_looked_at(database, tmp_path, capsys):
    check(tmp_path)
    pages = "pages, " if database.startswith("sqlite") else ""
    said = f"the database is well: {pages}foreign keys, totals, migrations, tables, columns\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(
    ("statements", "problems"),
    [
        (
            ["ALTER TABLE widget ADD COLUMN surprise INTEGER"],
            ["tables: remove_column widget surprise"],
        ),
        (
            [
                "ALTER TABLE widget DROP COLUMN version",
                "ALTER TABLE widget ADD COLUMN version INTEGER DEFAULT 3 NOT NULL",
            ],
            ["tables: modify_default widget version"],
        ),
        (["DELETE FROM alembic_version"], ["migrations: auth", "migrations: widgets"]),
        ([LATER], ["migrations: the database has revisions that no included plugin has (x)"]),
        (
            ["DROP TABLE widget"],
            ["tables: add_table widget", "tables: add_index ix_widget_owner_id"],
        ),
        (
            [WIDGET, "UPDATE row_count SET change = 0", "DROP INDEX ix_widget_owner_id"],
            [
                "foreign keys: 1 row(s) of widget break fk_widget_owner_id_site_user",
                "totals: widget has 1 row(s), not 0; migrate counts anew",
                "tables: add_index ix_widget_owner_id",
            ],
        ),
    ],
    ids=["column", "default", "behind", "unknown", "table", "orphan, total and index"],
)
def test_it_says_all_that_is_wrong(database, tmp_path, statements, problems):
    change(database, *statements)
    with pytest.raises(CommandError) as wrong:
        check(tmp_path)
    lines = str(wrong.value).splitlines()
    assert len(lines) == len(problems)
    assert all(line.startswith(problem) for line, problem in zip(lines, problems, strict=True))
    assert " object at " not in str(wrong.value)


@pytest.mark.parametrize("own_database", ["sqlite"], indirect=True)
def test_it_takes_a_table_of_accounts_that_may_use_ids_again(database, tmp_path, capsys):
    change(database, *OLD_ACCOUNTS)
    check(tmp_path)
    assert "the database is well" in capsys.readouterr().out


@pytest.mark.parametrize("own_database", ["sqlite"], indirect=True)
def test_it_finds_a_broken_index(database, tmp_path):
    change(database, USER, *MISTAKEN)
    with pytest.raises(CommandError, match=r"(?m)^pages: "):
        check(tmp_path)


@pytest.mark.parametrize("own_database", ["sqlite"], indirect=True)
def test_it_does_not_take_a_broken_file_for_a_whole_one(database, tmp_path):
    file = tmp_path / "test.sqlite"
    file.write_bytes(file.read_bytes()[:8192] + b"\xff" * 8192)
    with pytest.raises(DatabaseError):
        check(tmp_path)


@pytest.mark.parametrize("own_database", ["postgresql"], indirect=True)
def test_it_says_in_what_a_column_differs(database, tmp_path):
    wide = "ALTER COLUMN info_url TYPE VARCHAR(999), ALTER COLUMN info_url DROP NOT NULL"
    change(database, f"ALTER TABLE widget {wide}")
    with pytest.raises(CommandError) as wrong:
        check(tmp_path)
    assert str(wrong.value).splitlines() == [
        "tables: modify_type widget info_url VARCHAR(999) VARCHAR(255)",
        "tables: modify_nullable widget info_url True False",
    ]
