"""``widget-service backup FILE``: a copy of the database as it is at one moment, while it is used.

SQLite's is a database file, by its online backup; PostgreSQL's is an archive of pg_dump's, for
pg_restore.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple

from widget_service.cli import CommandError
from widget_service.database.engines import is_sqlite
from widget_service.settings.declarations import SUSPECT

# What the copy cannot know; the operator must.
WARNING = (
    "A database that is restored from it needs a new key to sign tokens with, as those that are "
    "logged out from now on are good again. Its accounts are as they are now: demote and disable "
    "again whoever is from now on."
)

# What the secrets of a connection are called in the file of services that pg_dump reads.
SERVICE = "backup"


def backup(registry: Any, args: argparse.Namespace) -> None:
    """The command.

    :raises CommandError: the file is there already or cannot be written, or there is nothing to
        copy, or nothing to copy it with
    """
    sqlite = is_sqlite(registry.database.write_engine.url)
    target = Path(args.file)
    try:
        with _new_file(target) as unfinished:
            (_copy_sqlite if sqlite else _dump_postgresql)(registry.database, unfinished)
    except (OSError, sqlite3.Error) as error:
        raise CommandError(f"{target} cannot be written: {error}") from error
    print(f"{target} has a copy of the database. {WARNING}")


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """A file to write to, which is ``target`` once all went well, and gone otherwise.

    :raises CommandError: there is one already
    """
    if not target.name:
        raise CommandError(f"{target} is not the name of a file")
    unfinished = target.with_name(f"{target.name}.unfinished")
    for each in (target, unfinished):
        if each.exists():
            raise CommandError(f"{each} is there already, and is not overwritten")
    # For nobody else to read: it has addresses and hashes of passwords.
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield unfinished
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _copy_sqlite(database: Any, target: Path) -> None:
    with database.read_engine.connect() as source, closing(sqlite3.connect(target)) as copy:
        # In one step, which is one transaction that reads: writers do not disturb it, nor it them.
        source.connection.dbapi_connection.backup(copy)
        # All in one file.
        copy.execute("PRAGMA journal_mode = DELETE")
        if copy.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,):
            # SQLite makes a file of whatever name it is given; this one is wrong.
            raise CommandError(f"{database.read_engine.url.database} has nothing to copy")
        # It is copied page by page, whatever they have.
        (wrong,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if wrong != "ok":
            raise CommandError(f"the database is damaged, see check-database: {wrong}")


def _dump_postgresql(database: Any, target: Path) -> None:
    connection = _as_libpq_has_it(database.read_engine)
    command = ["pg_dump", "--format=custom", f"--file={target}", f"--dbname={connection.shown}"]
    if shutil.which("pg_dump") is None:
        command[2] = "--file=FILE"
        text = f"pg_dump is not installed here; where it is, run: {shlex.join(command)}"
        raise CommandError(text)
    # Not with the arguments: everybody on the machine can see those.
    with _service(connection) as service:
        done = subprocess.run(  # noqa: S603  (a program of the operator's machine, arguments of the .ini)
            command,
            env=os.environ | connection.variables | service,
            check=False,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    if done.returncode:
        raise CommandError(f"pg_dump says: {done.stderr.strip()}")


class Connection(NamedTuple):
    """Where the database is, as PostgreSQL's own programs take it.

    ``shown`` is without secrets, of which ``variables`` has those that the environment is for, and
    ``others`` the rest by their names.
    """

    shown: str
    variables: dict[str, str]
    others: dict[str, str]
    has_service: bool


def _as_libpq_has_it(engine: Any) -> Connection:
    # Not above: only who has PostgreSQL needs to have the driver.
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415
    from psycopg.pq import Conninfo  # noqa: PLC0415

    # The name of each variable, where there is one.
    known = {
        option.keyword.decode(): (option.envvar or b"").decode()
        for option in Conninfo.get_defaults()
    }
    _, arguments = engine.dialect.create_connect_args(engine.url)
    # Others are for the driver alone.
    arguments = {name: value for name, value in arguments.items() if name in known}
    secrets = {name: str(arguments.pop(name)) for name in [*arguments] if SUSPECT.search(name)}
    variables = {known[name]: value for name, value in secrets.items() if known[name]}
    others = {name: value for name, value in secrets.items() if not known[name]}
    has_service = "service" in arguments or "PGSERVICE" in os.environ
    return Connection(make_conninfo(**arguments), variables, others, has_service)


@contextmanager
def _service(connection: Connection) -> Iterator[dict[str, str]]:
    """The variables that name a service file, with the secrets that libpq has no variable for.

    Nobody else may read it, and it is gone in the end.

    :raises CommandError: there is a service already, and libpq takes one
    """
    if not connection.others:
        yield {}
        return
    if connection.has_service:
        names = " and ".join(sorted(connection.others))
        raise CommandError(f"the database is named by a service: put {names} there, too")
    with NamedTemporaryFile("w", prefix="pg_service", encoding="utf-8") as file:
        file.write(f"[{SERVICE}]\n")
        file.writelines(f"{name}={value}\n" for name, value in connection.others.items())
        file.flush()
        yield {"PGSERVICE": SERVICE, "PGSERVICEFILE": file.name}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="to write to; must not be there yet")


def includeme(config: Any) -> None:
    """Add the command."""
    # Before migrations is when a copy is wanted most.
    config.add_command(
        "backup", backup, _arguments, help="copy the database while it is used", unmigrated=True
    )
