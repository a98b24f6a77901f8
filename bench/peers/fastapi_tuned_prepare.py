"""The total that the tuned peer reads instead of counting: a table that triggers keep."""

from __future__ import annotations

from sqlalchemy import create_engine

from rules import database

TABLE = (
    "CREATE TABLE widget_total (n INTEGER NOT NULL)",
    "INSERT INTO widget_total SELECT count(*) FROM widget",
)
SQLITE = (
    """CREATE TRIGGER bench_added AFTER INSERT ON widget
       BEGIN UPDATE widget_total SET n = n + 1; END""",
    """CREATE TRIGGER bench_deleted AFTER DELETE ON widget
       BEGIN UPDATE widget_total SET n = n - 1; END""",
)
POSTGRESQL = (
    """CREATE FUNCTION bench_count() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF TG_OP = 'INSERT' THEN UPDATE widget_total SET n = n + 1;
       ELSE UPDATE widget_total SET n = n - 1; END IF; RETURN NULL; END $$""",
    """CREATE TRIGGER bench_counted AFTER INSERT OR DELETE ON widget
       FOR EACH ROW EXECUTE FUNCTION bench_count()""",
)

with create_engine(database()).begin() as connection:
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in TABLE + (SQLITE if is_sqlite else POSTGRESQL):
        connection.exec_driver_sql(statement)
