"""When migrations run: at start, or by command.

A plugin names its folder of revisions, one Alembic branch, in its includeme::

    config.add_migrations("gadgets:migrations")

The Alembic command reads the same folders from ``version_locations`` in the [alembic] section of
the .ini and comes in through ``alembic/env.py``; the service itself, and ``widget-service
migrate``, need neither. What runs them is in :mod:`widget_service.database.migrations`, which is
not loaded before it is needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Any

from pyramid.config import PHASE3_CONFIG
from pyramid.events import ApplicationCreated
from sqlalchemy import String, column, select, table
from sqlalchemy.exc import SQLAlchemyError

from widget_service import settings
from widget_service.cli import CommandError
from widget_service.database import revisions, row_count
from widget_service.plugins import Plugins
from widget_service.settings import StartupError

REACHED = select(column("version_num", String)).select_from(table("alembic_version"))


def compare(registry: Any, current: Collection[str]) -> tuple[list[str], set[str]]:
    """The heads that a database has not reached, and those it has that no included plugin knows.

    :param current: the revisions that its ``alembic_version`` has
    """
    if registry.revisions is not None:
        return registry.revisions.compare(current)  # type: ignore[no-any-return]
    from widget_service.database import migrations  # noqa: PLC0415  (loaded when it is needed)

    return migrations.compare(registry, sorted(current))


def add_migrations(config: Any, location: str) -> None:
    """Name a plugin's folder of revisions as ``package:folder`` (a directive).

    :raises ConfigurationError: there is no such folder
    """
    revisions.folder(location)
    introspectable = config.introspectable("migrations", location, location, "migrations")
    introspectable["location"] = location
    config.action(("migrations", location), introspectables=(introspectable,))
    config.registry.migrations.append(location)


def _read(registry: Any) -> None:
    """Look once what revisions there are; those of two plugins may not go together."""
    try:
        registry.revisions = revisions.read([*map(revisions.folder, registry.migrations)])
    except revisions.Mistaken as error:
        name, file = error.revision.name, str(error.revision.file)
        registry.settings_declared.note(f"revision {name}", None, file, str(error))


def at_start(event: ApplicationCreated) -> None:
    """Migrate, or refuse to serve; an unreachable database is refused in either case.

    :raises StartupError: the database is not there, not at the heads of the plugins, or without a
        table of a plugin that has no migrations
    """
    registry = event.app.registry
    # Where somebody else's application includes this one it has not been looked at yet.
    settings.check(registry)
    try:
        if not _is_up_to_date(registry):
            from widget_service.database import migrations  # noqa: PLC0415  (loaded when it is needed)

            migrations.bring_up_to_date(registry)
        with registry.database.read_engine.connect() as connection:
            unmade = [*Plugins(registry).unmade(connection)]
        if unmade:
            raise StartupError(unmade)
    finally:
        # Servers fork after this: two processes must not have one connection.
        registry.database.close()


def _is_up_to_date(registry: Any) -> bool:
    """Is there surely nothing to migrate?"""
    if registry.revisions is None:
        return False
    try:
        with registry.database.read_engine.connect() as connection:
            missing, _unknown = registry.revisions.compare([*connection.scalars(REACHED)])
            return not missing and not row_count.is_missing(connection)
    except SQLAlchemyError:
        return False


def migrate(registry: Any, args: argparse.Namespace) -> None:
    """The command ``migrate``: up to the heads, or down to where it is told.

    :raises CommandError: there is no such revision, other plugins depend on it, or the database
        does not play along
    """
    if args.with_dependents and not args.down:
        raise CommandError("--with-dependents is for --down only")
    from widget_service.database import migrations  # noqa: PLC0415  (loaded when it is needed)

    migrations.migrate(registry, args.down, with_dependents=args.with_dependents)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--down", metavar="REVISION", help="take back, e.g. gadgets@base")
    parser.add_argument(
        "--with-dependents",
        action="store_true",
        help="with --down: take back the revisions of other plugins that depend on it, too",
    )


def includeme(config: Any) -> None:
    """The directive add_migrations, the command, and the check at start."""
    config.registry.migrations = []
    config.registry.scripts = None
    config.registry.revisions = None
    config.add_directive("add_migrations", add_migrations)
    # When every plugin has named its folder.
    config.action("revisions", _read, args=(config.registry,), order=PHASE3_CONFIG + 1)
    config.add_subscriber(at_start, ApplicationCreated)
    config.add_command(
        "migrate", migrate, _arguments, help="bring the database up to date", unmigrated=True
    )
