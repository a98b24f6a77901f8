"""The file of an SQLite database: whether it is there, and is still the one that was opened.

SQLite makes a file of whatever name it is given, so that a directory that is not mounted looks like
an empty database. And it goes on with one that somebody removes, or puts a copy in the place of:
what it acknowledges from then on is gone when the process ends.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError


def path_of(url: Any) -> Path | None:
    """Where the file is; None of PostgreSQL, and of what SQLite itself takes for a URL."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    # As SQLAlchemy has it: the directory may be changed later.
    return None if parsed.database.startswith("file:") else Path(parsed.database).absolute()


def make(url: Any) -> None:
    """Make an empty file where SQLite's is missing; nobody else may read what will be in it."""
    path = path_of(url)
    if path is not None:
        # Why it cannot be made SQLite will say. Not one that is there: to close that would take its
        # locks away from all connections of this process.
        with suppress(OSError):
            os.close(os.open(path.resolve(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


class DatabaseFile:
    """The file that a process began with, and the log that its connections have open.

    SQLite leaves ``-wal`` and ``-shm`` where they are as long as anybody has them open. Where
    somebody else takes them away, it goes on with what nobody finds afterwards.
    """

    def __init__(self, url: Any) -> None:
        self._path = path_of(url)
        self._known: tuple[int, int] | None = None
        # The connections of this process, which have one log among them.
        self._open: set[int] = set()
        self._known_log: list[tuple[int, int] | None] | None = None

    def opened(self, connection: object) -> None:
        """Take note of a connection, and of the file that was opened; later ones must be the same.

        Not before: some file systems make another one of it when it is first opened to write.
        """
        self._open.add(id(connection))
        if self._known is None:
            self._known = self._found()
        self._know_log()

    def closed(self, connection: object, *_event_arguments: object) -> None:
        """Take note that it is closed: with the last one SQLite puts its log away."""
        self._open.discard(id(connection))
        if not self._open:
            self._known_log = None

    def begin_anew(self) -> None:
        """As in a process that has just been forked, which has no connection of its own yet."""
        self._open.clear()
        self._known_log = None

    def check(self, *_event_arguments: object) -> None:
        """:raises OperationalError: it is not there, or another one is in its place"""
        if self._found() != self._known and self._known is not None:
            raise _unusable(f"{self._path} is another file than at the start; start again")
        self._know_log()
        if self._known_log and self._logs() != self._known_log:
            raise _unusable(f"{self._path}-wal or -shm is gone, or another file; start again")

    def has_log_of_others(self) -> bool:
        """Is the log that is there another one than that which connections have open?

        To close the last of them puts their log into the file, over what somebody else has written
        since, and takes away the log of that name.
        """
        pairs = zip(self._logs(), self._known_log or [], strict=False)
        return any(now not in (None, then) for now, then in pairs)

    def _know_log(self) -> None:
        if self._known_log is None and self._open:
            found = self._logs()
            # None is there before the file is in that mode.
            self._known_log = None if None in found else found

    def _logs(self) -> list[tuple[int, int] | None]:
        return [_identity(each) for each in self._log] if self._path else []

    @cached_property
    def _log(self) -> list[Path]:
        """They are beside what a link leads to."""
        file = Path(self._path or "").resolve()
        return [file.with_name(file.name + suffix) for suffix in ("-wal", "-shm")]

    def _found(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError as error:
            raise _unusable(f"there is no {self._path} ({error.strerror})") from None
        return status.st_dev, status.st_ino


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _unusable(text: str) -> OperationalError:
    return OperationalError(None, None, sqlite3.OperationalError(text))
