"""Migrations: one Alembic branch for each plugin, applied at start or demanded there.

Loaded where there is something to migrate: see :mod:`widget_service.database.revisions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError as AlembicError
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from widget_service import settings
from widget_service.cli import CommandError
from widget_service.database import file as database_file
from widget_service.database import row_count
from widget_service.database.diagnosis import hidden_schemas, in_a_line, with_path
from widget_service.database.engines import is_sqlite, patience
from widget_service.database.revisions import folder
from widget_service.db import Base, UtcDateTime
from widget_service.settings import Problem, StartupError

# Alembic's part that compares CHECKs, which it leaves out where nobody asks for it.
CHECKS = "alembic.ext.checkconstraint_byname"

# Any number will do, as long as every process of the service uses the same one.
ADVISORY_LOCK = 7_236_482_119


def scripts(registry: Any) -> ScriptDirectory:
    """The revisions of all included plugins, as they were when somebody first asked."""
    if registry.scripts is None:
        registry.scripts = ScriptDirectory(
            str(Path(__file__).parent), version_locations=[*map(folder, registry.migrations)]
        )
    return registry.scripts  # type: ignore[no-any-return]


def branches(registry: Any, plugin: str) -> list[str]:
    """The labels of a plugin's branches, such as ``gadgets`` for ``gadgets@base``.

    :param plugin: its package
    """
    script = scripts(registry)
    return sorted(
        label
        for base in script.get_bases()
        for revision in [script.get_revision(base)]
        if revision and _location(registry, revision).partition(":")[0] == plugin
        for label in revision.branch_labels
    )


def _location(registry: Any, revision: Script) -> str:
    """Where a revision is, as ``package:folder``."""
    locations: dict[Path, str] = {
        Path(folder(each)).resolve(): each for each in registry.migrations
    }
    found = Path(revision.path).parent
    # Links to single files lead elsewhere: to a folder of that plugin's, all the same.
    return locations.get(found, str(found))


def overlooked(registry: Any, script: ScriptDirectory) -> list[str]:
    """The folders of included plugins, as ``package:folder``, that a script directory lacks.

    :param script: of whoever names its folders by other means than add_migrations
    """
    there = {each.revision for each in script.walk_revisions()}
    missing = [each for each in scripts(registry).walk_revisions() if each.revision not in there]
    return sorted({_location(registry, each) for each in missing})


def outstanding(registry: Any) -> list[str]:
    """The heads that the database has not reached, and ``row_count`` if nothing is counted there.

    :raises AlembicError: some are missing, and so are the plugins of others that it has reached
    """
    with registry.database.read_engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
        uncounted = row_count.is_missing(connection)
    missing, unknown = compare(registry, current)
    if missing and unknown:
        raise _not_ours(unknown)
    return [*missing, row_count.ROW_COUNT.name] if uncounted else missing


def compare(registry: Any, current: Sequence[str]) -> tuple[list[str], set[str]]:
    """The heads that a database has not reached, and those it has that no included plugin knows.

    :param current: the revisions that its ``alembic_version`` has
    """
    script = scripts(registry)
    unknown = unknown_revisions(script, current)
    known = tuple(set(current) - unknown)
    reached = {each.revision for each in script.iterate_revisions(known, "base")}
    return sorted(set(script.get_heads()) - reached), unknown


def upgrade(registry: Any, revision: str = "heads") -> list[str]:
    """Bring the database to ``revision``; several processes may try at once.

    :returns: the revisions that were applied
    :raises RevisionFailed: the database, or Alembic, refuses what one of them does
    :raises AlembicError: there is no such revision, or the database has some that nobody knows
    """
    script = scripts(registry)

    def steps(current: Any, _context: Any) -> Any:
        unknown = unknown_revisions(script, current)
        known: Any = tuple(set(current) - unknown)
        found = script._upgrade_revs(revision, known)  # noqa: SLF001  (as Alembic's own commands)
        # Without them it may look as if nothing were there yet.
        if unknown and found:
            raise _not_ours(unknown)
        return found

    return _run(registry, script, steps)


def downgrade(registry: Any, revision: str, *, with_dependents: bool = True) -> list[str]:
    """Take the database back to ``revision``: ``base``, or ``PLUGIN@base``.

    :param with_dependents: take back the revisions of other plugins that depend on these, too
    :returns: the revisions that were taken back
    :raises RevisionFailed: the database, or Alembic, refuses what one of them does
    :raises AlembicError: there is no such revision, other plugins depend on it, or the database
        has some that nobody knows
    """
    script = scripts(registry)
    every = [*script.walk_revisions()]
    labels = {label for each in every for label in each.branch_labels}
    # Alembic would go back to the first one of the branch, and leave that where it is.
    if revision in labels - {each.revision for each in every}:
        raise AlembicError(
            f"{revision} names no revision, but a branch; to take all of it back: {revision}@base"
        )

    def steps(current: Any, _context: Any) -> Any:
        found: Any = script._downgrade_revs(revision, current)  # noqa: SLF001  (as above)
        if not with_dependents and revision != "base":
            _refuse_dependents(registry, revision, [each.revision for each in found])
        return found

    return _run(registry, script, steps)


def _refuse_dependents(registry: Any, target: str, back: Sequence[Script]) -> None:
    """:raises AlembicError: not all that would be taken back is of one plugin"""
    plugins = [_location(registry, each).partition(":")[0] for each in back]
    # The last one to go is what all others stand on, so that one was asked for.
    others = [
        f"{each.revision} of {plugin}"
        for each, plugin in zip(back, plugins, strict=True)
        if plugin != plugins[-1]
    ]
    if others:
        raise AlembicError(
            f"other plugins depend on what {target} would take back, and would lose their data "
            f"as well: {', '.join(others)}. If that is meant, add --with-dependents"
        )


def unknown_revisions(script: ScriptDirectory, current: Sequence[str]) -> set[str]:
    """Those of the database's revisions that no included plugin has."""
    return set(current) - {each.revision for each in script.walk_revisions()}


@contextmanager
def explained(script: ScriptDirectory, context: MigrationContext) -> Iterator[None]:
    """Say what an operator can do where Alembic merely cannot find a revision.

    :raises AlembicError: instead of Alembic's own
    """
    current = context.get_current_heads()
    try:
        yield
    except AlembicError as error:
        unknown = unknown_revisions(script, current)
        raise (_not_ours(unknown) if unknown else error) from error


def _not_ours(unknown: set[str]) -> AlembicError:
    return AlembicError(
        f"the database has revisions that no included plugin has ({', '.join(sorted(unknown))}). "
        "If a newer release has migrated it, start that one. If a plugin was left out, include it "
        "again; to be rid of it, run this before it is left out: "
        "widget-service migrate --down PLUGIN@base"
    )


def differences(registry: Any, *, checks: bool = False) -> list[Any]:
    """What the models and the tables of the database disagree about.

    :param checks: whether names of CHECKs count, which databases of old may have otherwise
    """
    with registry.database.read_engine.connect() as connection:
        more = {"autogenerate_plugins": ["alembic.autogenerate.*", CHECKS]} if checks else {}
        context = MigrationContext.configure(connection, opts={**options(registry), **more})
        return compare_metadata(context, Base.metadata)  # type: ignore[no-any-return]


def options(registry: Any) -> dict[str, Any]:
    """How Alembic is to compare and to change: for every way in, the same."""
    return {
        "target_metadata": Base.metadata,
        "include_object": partial(_is_ours, tables(registry)),
        # SQLite cannot alter a table: Alembic makes a new one and moves the rows.
        "render_as_batch": True,
        "render_item": _render,
        "compare_server_default": True,
    }


def _render(kind: str, thing: Any, _context: object) -> str | Literal[False]:
    """A migration knows plain types only: it must still run when the models have moved on."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def tables(registry: Any) -> frozenset[str]:
    """The tables of the included plugins: all but those of models in other packages."""
    packages = {location.partition(":")[0] for location in registry.migrations}
    others = {
        table
        for mapper in Base.registry.mappers
        if not packages & _and_parents(mapper.class_.__module__)
        for table in (*mapper.tables, *(each.secondary for each in mapper.relationships))
    }
    return frozenset(table.name for table in Base.metadata.sorted_tables if table not in others)


def _and_parents(module: str) -> set[str]:
    """``{"a.b", "a"}`` for ``"a.b"``."""
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts) + 1)}


def _is_ours(
    tables: frozenset[str],
    thing: Any,
    name: str | None,
    kind: str,
    _reflected: bool,  # noqa: FBT001  (Alembic's signature)
    _compare_to: object,
) -> bool:
    """Leave alone what belongs to a plugin that another application includes, or no longer any."""
    return (name if kind == "table" else thing.table.name) in tables


@contextmanager
def connection(url: Any) -> Iterator[Connection]:
    """A connection in a transaction in which nobody else migrates; rows are counted at its end."""
    # An engine of its own: with foreign keys on, SQLite would delete the children of every
    # table that a batch migration replaces.
    sqlite = is_sqlite(url)
    database_file.make(url)
    # What PostgreSQL counts must be of the moment when the writers have finished, whatever it is
    # configured to.
    options = {} if sqlite else {"connect_args": patience(url), "isolation_level": "READ COMMITTED"}
    engine = create_engine(url, **options)
    try:
        with engine.connect() as connected:
            if sqlite:
                # Set to None the driver begins no transaction before DDL, so ours holds.
                connected.connection.dbapi_connection.isolation_level = None  # type: ignore[union-attr]
                connected.exec_driver_sql("PRAGMA busy_timeout = 60000")
                # Refused without waiting while somebody else writes a file that is not in that mode
                # yet, or sets it: then it is left to whoever connects next.
                with suppress(OperationalError):
                    connected.exec_driver_sql("PRAGMA journal_mode = WAL")
                connected.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connected.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            yield connected
            row_count.keep(connected)
            if sqlite:
                broken = connected.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise AlembicError(f"the migrations break foreign keys: {broken}")
            connected.commit()
    finally:
        engine.dispose()


class RevisionFailed(Exception):
    """A revision that could not be applied or taken back; the database is as it was before."""

    def __init__(self, revision: Script, error: Exception) -> None:
        self.problem = Problem(
            f"revision {revision.revision}", None, revision.path, in_a_line(error)
        )
        super().__init__(str(self.problem))


def _run(registry: Any, script: ScriptDirectory, steps: Callable[..., Any]) -> list[str]:
    begun: list[Script] = []

    def one_by_one(current: Any, migration_context: Any) -> Iterator[Any]:
        for step in steps(current, migration_context):
            begun.append(step.revision)
            yield step

    with (
        connection(registry.database.write_engine.url) as connected,
        EnvironmentContext(Config(), script, fn=one_by_one) as environment,
    ):
        environment.configure(connection=connected, **options(registry))
        with explained(script, environment.get_context()):
            try:
                environment.run_migrations()
            except (SQLAlchemyError, AlembicError) as error:
                if not begun:
                    raise
                raise RevisionFailed(begun[-1], error) from error
    return [each.revision for each in begun]


def bring_up_to_date(registry: Any) -> None:
    """Migrate, where the operator wants it so.

    :raises StartupError: the database is not there, or not at the heads of the plugins, or it
        refuses what a migration does
    """
    declared = registry.settings_declared
    where = declared.source.file or "FILE.ini"
    command = f"widget-service -c {where} migrate"
    migrates = settings.of(registry, "database").migrate_at_start
    url = registry.database.write_engine.url
    if migrates:
        database_file.make(url)
    try:
        missing = outstanding(registry)
        # Not for nothing: a migration counts all rows, and nobody writes meanwhile.
        if missing and migrates:
            upgrade(registry)
            missing = outstanding(registry)
    except RevisionFailed as error:
        raise StartupError([error.problem]) from error
    except (SQLAlchemyError, AlembicError) as error:
        text = f"the database cannot be used: {in_a_line(error)}"
        path = database_file.path_of(url)
        if path and not path.exists():
            text += f"; if it is to be a new one, run: {command}"
        declared.refuse("sqlalchemy.url", text)
        raise StartupError(declared.problems) from error
    if missing:
        text = _advice(registry, missing, command)
        raise StartupError([Problem("database.migrate_at_start", "false", where, text)])


def _advice(registry: Any, missing: Sequence[str], command: str) -> str:
    """What to do where revisions are missing; to migrate would be wrong if the tables are there."""
    with registry.database.read_engine.connect() as connection:
        hidden = hidden_schemas(connection)
    if hidden:
        return (
            f"search_path does not lead to schema {' or '.join(hidden)}, which has tables of "
            f"migrations; if others are to be made, run: {command}"
        )
    return f"outstanding migrations ({', '.join(missing)}); run: {command}"


def migrate(registry: Any, down: str | None = None, *, with_dependents: bool = False) -> None:
    """Up to the heads, or down to where one is told; say what was done.

    :raises CommandError: there is no such revision, other plugins depend on it, or the database
        does not play along
    """
    try:
        if down:
            done = downgrade(registry, down, with_dependents=with_dependents)
        else:
            done = upgrade(registry)
    except (SQLAlchemyError, AlembicError, RevisionFailed) as error:
        raise CommandError(with_path(error, registry.database.write_engine.url)) from error
    said = "taken back" if down else "applied"
    print(f"{said}: {', '.join(done)}" if done else "there was nothing to do")
