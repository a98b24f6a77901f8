"""Where Alembic's command meets the service: ``alembic -c FILE.ini …``.

The database is the one that the service itself would use: the same .ini section, overridden by
the same environment variables.
"""

from contextlib import AbstractContextManager

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from widget_service import configure_file
from widget_service.database import migrations
from widget_service.settings import StartupError

if context.is_offline_mode():
    raise SystemExit("--sql is not supported: migrations look at the database they change")

try:
    registry = configure_file(context.config.config_file_name).registry
except StartupError as error:
    raise SystemExit(str(error)) from None


def looks_only() -> bool:
    """Is it current, history, check or revision, which take the database nowhere?"""
    try:
        context.get_revision_argument()
    except KeyError:
        return True
    return False


def connected(*, looks_only: bool) -> AbstractContextManager[Connection]:
    """To look takes neither a lock nor a file that is not there yet, and changes nothing."""
    database = registry.database
    if looks_only:
        return database.read_engine.connect()
    return migrations.connection(database.write_engine.url)


def check_locations() -> None:
    """To overlook a plugin would be to take its tables for nobody's, and never to make them.

    :raises SystemExit: version_locations lacks the revisions of one
    """
    overlooked = migrations.overlooked(registry, context.script)
    if overlooked:
        file = context.config.config_file_name
        raise SystemExit(
            f"{file}: version_locations in [alembic] lacks migrations of included plugins; "
            f"add a line for each: {', '.join(overlooked)}"
        )


try:
    check_locations()
    looks = looks_only()
    with connected(looks_only=looks) as connection:
        context.configure(connection=connection, dont_mutate=looks, **migrations.options(registry))
        with migrations.explained(context.script, context.get_context()):
            context.run_migrations()
except DBAPIError as error:
    # Ours, before any other: PRAGMA, which fails where a file is no database.
    if error.statement is not None and not error.statement.startswith("PRAGMA "):
        raise  # a mistake in a migration, whose author wants to see where
    # As widget-service says it: the driver's first line.
    said = str(error.orig).partition("\n")[0]
    raise SystemExit(f"the database says: {said}") from None
finally:
    registry.database.close()
