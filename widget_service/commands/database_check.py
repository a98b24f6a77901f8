"""``widget-service check-database``: is the database whole, and the one that the plugins expect?"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Connection,
    FetchedValue,
    ForeignKeyConstraint,
    and_,
    exists,
    func,
    inspect,
    select,
)

from widget_service.cli import CommandError
from widget_service.database.engines import is_sqlite
from widget_service.database.row_count import LISTED, ROW_COUNT
from widget_service.db import Base


def check(registry: Any, _args: argparse.Namespace) -> None:
    """The command: print what was looked at.

    :raises CommandError: with everything that is wrong
    """
    found = list(problems(registry))
    if found:
        raise CommandError("\n".join(found))
    pages = "pages, " if is_sqlite(registry.database.read_engine.url) else ""
    print(f"the database is well: {pages}foreign keys, totals, migrations, tables, columns")


def problems(registry: Any) -> Iterator[str]:
    """What is wrong with the database of an application.

    :raises SQLAlchemyError: the database does not answer, or is too broken to
    """
    # Not above: a service that runs does without them.
    from alembic.util import CommandError as AlembicError  # noqa: PLC0415

    from widget_service.database import migrations  # noqa: PLC0415

    with registry.database.read_engine.connect() as connection:
        if is_sqlite(connection.engine.url):
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars()
            yield from (f"pages: {line}" for line in said if line != "ok")
        else:
            # Not above: an installation for SQLite has no driver for PostgreSQL.
            from widget_service.database.postgresql import wait_without_end  # noqa: PLC0415

            wait_without_end(connection.connection.dbapi_connection)
        there = set(inspect(connection).get_table_names())
        yield from _orphans(connection, migrations.tables(registry) & there)
        yield from _miscounted(connection, there)
    try:
        yield from (f"migrations: {each} is missing" for each in migrations.outstanding(registry))
    except AlembicError as error:
        yield f"migrations: {error}"
    for difference in migrations.differences(registry):
        # Those of one column come together in a list.
        for each in difference if isinstance(difference, list) else [difference]:
            yield f"tables: {_in_words(each)}"


def _in_words(difference: tuple[Any, ...]) -> str:
    """What would have to be done about it, such as ``add_column widget deadline``."""
    # What it is now, and what a default would be, would be no words.
    left_out = (dict, FetchedValue)
    told = (getattr(each, "name", each) for each in difference if not isinstance(each, left_out))
    return " ".join(str(each) for each in told if each is not None)


def _orphans(connection: Connection, present: frozenset[str]) -> Iterator[str]:
    """Rows that refer to none; a database that was loaded with its checks off may have some."""
    for table in Base.metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            if {table.name, constraint.referred_table.name} <= present:
                count = connection.scalar(_count(constraint))
                if count:
                    yield f"foreign keys: {count} row(s) of {table.name} break {constraint.name}"


def _count(constraint: ForeignKeyConstraint) -> Any:
    """How many rows refer to none; one that has a NULL in it need not (MATCH SIMPLE)."""
    parent = constraint.referred_table.alias()
    pairs = [(each.parent, parent.c[each.column.name]) for each in constraint.elements]
    refers = and_(*(own.is_not(None) for own, _other in pairs))
    found = exists().where(*(own == other for own, other in pairs))
    return select(func.count()).select_from(constraint.table).where(refers, ~found)


def _miscounted(connection: Connection, there: set[str]) -> Iterator[str]:
    """Totals that are kept and are not so: of tables that were written with their triggers off."""
    for table in Base.metadata.sorted_tables:
        if table in LISTED and {table.name, ROW_COUNT.name} <= there:
            total = select(func.sum(ROW_COUNT.c.change)).where(ROW_COUNT.c.table_name == table.name)
            rows = select(func.count()).select_from(table)
            # Both at one moment.
            pair = select(total.scalar_subquery(), rows.scalar_subquery())
            kept, counted = connection.execute(pair).one()
            if kept != counted:
                yield f"totals: {table.name} has {counted} row(s), not {kept}; migrate counts anew"


def includeme(config: Any) -> None:
    """Add the command."""
    config.add_command(
        "check-database", check, help="say whether the database is well", unmigrated=True
    )
