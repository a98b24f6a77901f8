"""What an operator can do about what the database or Alembic said."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from widget_service.database import file as database_file

# PostgreSQL's SQLSTATE of whoever has to give way.
DEADLOCK_DETECTED = "40P01"

# Where Alembic has noted its revisions, if that is nowhere that the search_path leads to.
HIDDEN = text("""
    SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'alembic_version' AND to_regclass('alembic_version') IS NULL ORDER BY nspname
""")


def in_a_line(error: Exception) -> str:
    """What the database or Alembic said."""
    said = getattr(error, "orig", error)
    if getattr(said, "sqlstate", None) == DEADLOCK_DETECTED:
        return (
            "somebody else uses the tables that it changes, and each waits for the other; nothing "
            "was changed. Stop the service, and run this again"
        )
    return " ".join(str(said).split())


def with_path(error: Exception, url: Any) -> str:
    """The same, with the file that it is about; SQLite does not say which."""
    path = database_file.path_of(url) if isinstance(error, DBAPIError) else None
    return f"{path}: {in_a_line(error)}" if path else in_a_line(error)


def hidden_schemas(connection: Connection) -> list[str]:
    """The schemas that have the tables which PostgreSQL's search_path does not lead to."""
    if connection.dialect.name != "postgresql":
        return []
    return [*connection.scalars(HIDDEN)]
