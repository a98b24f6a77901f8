"""How many rows a table has, without counting them: the database keeps it, by triggers.

Whatever adds or deletes rows (the service, a command, ``psql``) changes the count in its own
transaction, so it is exact at any moment and for every reader, and undone with what it counted.
A plugin need not know: the table of every :class:`~widget_service.paging.Listing` is counted, and
whoever migrates sees to the triggers afterwards. They cannot be a revision of the plugin's: SQLite
loses them whenever a batch migration replaces the table. What is written while triggers are
switched off is counted by the next migration.

On PostgreSQL a count is the sum of several rows, and each server process changes one of them: with
a single row, whoever writes would wait until the one before has committed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from weakref import WeakSet

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    cast,
    delete,
    exists,
    func,
    insert,
    inspect,
    select,
)

from widget_service.db import Base

# Not among the models: it belongs to no plugin, and comes and goes with the tables it counts.
ROW_COUNT = Table(
    "row_count",
    MetaData(),
    Column("table_name", String(), primary_key=True),
    Column("slot", Integer(), primary_key=True, autoincrement=False),
    Column("change", BigInteger(), nullable=False),
)
SLOTS = 32
# The tables to count. Not a note in their ``info``: what Alembic generates would repeat it.
LISTED: WeakSet[Table] = WeakSet()

# A fixed search path: pg_restore and others set one of their own. No percent sign: it is the
# driver's. No UPDATE of a slot: it would read those of others, and serializable transactions that
# have none in common would refuse each other.
FUNCTION = """
CREATE OR REPLACE FUNCTION row_count_change() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    difference bigint;
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE row_count SET change = 0 WHERE table_name = TG_TABLE_NAME;
        RETURN NULL;
    END IF;
    SELECT CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END INTO difference FROM changed;
    IF difference <> 0 THEN
        INSERT INTO row_count VALUES (TG_TABLE_NAME, mod(pg_backend_pid(), {slots}), difference)
        ON CONFLICT (table_name, slot) DO UPDATE SET change = row_count.change + excluded.change;
    END IF;
    RETURN NULL;
END
$$
"""
# To replace a trigger lets others read meanwhile; to drop it would not.
POSTGRESQL = """
CREATE OR REPLACE TRIGGER row_count_insert AFTER INSERT ON {table}
    REFERENCING NEW TABLE AS changed EXECUTE FUNCTION row_count_change();
CREATE OR REPLACE TRIGGER row_count_delete AFTER DELETE ON {table}
    REFERENCING OLD TABLE AS changed EXECUTE FUNCTION row_count_change();
CREATE OR REPLACE TRIGGER row_count_truncate AFTER TRUNCATE ON {table}
    EXECUTE FUNCTION row_count_change()
"""
SQLITE = """
CREATE TRIGGER {trigger} AFTER {event} ON {table} BEGIN
    UPDATE row_count SET change = change {sign} 1 WHERE table_name = {literal}; END
"""


def of(model: Any) -> ColumnElement[int]:
    """How many rows a model's table has: as kept, from the next migration on."""
    table = model.__table__
    LISTED.add(table)
    kept = select(cast(func.sum(ROW_COUNT.c.change), BigInteger)).where(
        ROW_COUNT.c.table_name == table.name
    )
    counted = select(func.count()).select_from(table)
    return func.coalesce(kept.scalar_subquery(), counted.scalar_subquery())


def is_missing(connection: Connection) -> bool:
    """Are there tables to count, and no place to keep that?"""
    there = inspect(connection).get_table_names()
    return ROW_COUNT.name not in there and bool(_listed(there))


def keep(connection: Connection) -> None:
    """Count the tables that are listed from here on, and forget those that are gone.

    :param connection: of whoever has migrated, in the same transaction; READ COMMITTED, on
        PostgreSQL
    """
    there = inspect(connection).get_table_names()
    listed = _listed(there)
    if listed:
        ROW_COUNT.create(connection, checkfirst=True)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(FUNCTION.format(slots=SLOTS))
    elif ROW_COUNT.name not in there:
        return
    for table in listed:
        _begin(connection, table)
    connection.execute(delete(ROW_COUNT).where(ROW_COUNT.c.table_name.not_in(there)))
    if not connection.scalar(select(exists().select_from(ROW_COUNT))):
        _end(connection)


def _listed(there: Collection[str]) -> list[Table]:
    tables = Base.metadata.tables.values()
    return [each for each in tables if each in LISTED and each.name in there]


def _begin(connection: Connection, table: Table) -> None:
    """Make the triggers, and count what they go on from."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    quoted, slots = quote(table.name), 1
    if connection.dialect.name == "postgresql":
        # This waits for whoever writes to the table, and lets nobody begin to until the end of the
        # transaction: the count is that of the moment at which the triggers begin.
        connection.exec_driver_sql(POSTGRESQL.format(table=quoted))
        slots = SLOTS
    else:
        literal = "'{}'".format(table.name.replace("'", "''"))
        for event, sign in (("INSERT", "+"), ("DELETE", "-")):
            trigger = quote(f"row_count_{event}_{table.name}")
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
            names = {"trigger": trigger, "event": event, "table": quoted, "literal": literal}
            connection.exec_driver_sql(SQLITE.format(sign=sign, **names))
    connection.execute(delete(ROW_COUNT).where(ROW_COUNT.c.table_name == table.name))
    count = connection.scalar(select(func.count()).select_from(table))
    # All slots, so that no TRUNCATE overlooks one that is newer than its snapshot.
    changes = [count, *[0] * (slots - 1)]
    kept = [{"table_name": table.name, "slot": n, "change": c} for n, c in enumerate(changes)]
    connection.execute(insert(ROW_COUNT), kept)


def _end(connection: Connection) -> None:
    """Leave nothing behind, nor triggers on a table that is listed no more under its new name."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP FUNCTION row_count_change CASCADE")
    else:
        quote = connection.dialect.identifier_preparer.quote_identifier
        found = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'row_count_*'"
        for name in connection.exec_driver_sql(found).scalars().all():
            connection.exec_driver_sql(f"DROP TRIGGER {quote(name)}")
    ROW_COUNT.drop(connection)
