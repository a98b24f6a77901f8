"""Reading fast: each statement is compiled once, and runs on a connection kept for reading.

For what a row costs the database, SQLAlchemy's own execution is dear: a pool, events, a cache of
compiled statements, results that can be streamed. A read that is answered in one go needs none of
it. Whoever writes a statement need not know: it is the same ``select()``. Its rows have the names
of columns and labels, also where a model calls an attribute something else.
"""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import Dialect, Engine, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from widget_service.database.stale_plans import is_stale
from widget_service.workers import step_aside

# Statements are built once, at module level; to build one for each request only makes it slow.
KEPT_STATEMENTS = 500


class Compiled:
    """A statement as the driver takes it, and what makes rows of what the driver fetches."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        # Compiler and types are asked what SQLAlchemy's own execution asks them, for which there
        # are no public names.
        compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined]
        columns = compiled._result_columns  # noqa: SLF001
        self.text: str = compiled.string
        # Entities, textual SQL, lists of values whose length is known only when they are there,
        # and values that are to be asked for each time.
        self.is_simple = bool(columns) and not (
            compiled.post_compile_params
            or _has_entities(statement)
            or any(bound.callable for bound in compiled.bind_names)
        )
        self._given = {
            name: bound.value for bound, name in compiled.bind_names.items() if not bound.required
        }
        self._binders = compiled._bind_processors  # noqa: SLF001
        # Drivers take values in an order, or by name.
        self._order = compiled.positiontup
        self._row = _row_type([column.keyname for column in columns])
        self._dialect = dialect
        self._types = [column.type for column in columns]
        # Known when the driver has said what the columns are.
        self._decoders: list[tuple[int, Callable[[Any], Any]]] | None = None

    def values(self, parameters: Mapping[str, Any]) -> Any:
        """The parameters as the driver takes them.

        :raises KeyError: one is missing
        """
        values = parameters
        if self._given or self._binders:
            values = {**self._given, **parameters}
            for name, bind in self._binders.items():
                values[name] = bind(values[name])
        return values if self._order is None else [values[name] for name in self._order]

    def run(self, connection: Any, values: Any) -> Sequence[Any]:
        """The rows, with the names and the types of the columns."""
        cursor = connection.cursor()
        try:
            cursor.execute(self.text, values)
            fetched = cursor.fetchall()
            decoders = self._decoders
            if decoders is None:
                decoders = self._decoders = self._decoders_of(cursor.description)
        finally:
            cursor.close()
        if decoders:
            # In place of a function for each row: a list has many.
            fetched = [[*row] for row in fetched]
            for index, decode in decoders:
                for row in fetched:
                    row[index] = decode(row[index])
        return [*map(self._row, fetched)]

    def _decoders_of(self, description: Sequence[Any]) -> list[tuple[int, Callable[[Any], Any]]]:
        """What makes Python's values of the driver's, by the place of the column."""
        return [
            (index, decode)
            for index, (kind, said) in enumerate(zip(self._types, description, strict=True))
            if (decode := kind._cached_result_processor(self._dialect, said[1]))  # noqa: SLF001
        ]


class Reader:
    """Runs the statements of one application that only read."""

    def __init__(self, engine: Engine) -> None:
        """:param engine: one whose connections commit by themselves, and that keeps none"""
        self._engine = engine
        self._error: type[Exception] = engine.dialect.loaded_dbapi.Error
        self._compiled = lru_cache(KEPT_STATEMENTS)(lambda each: Compiled(each, engine.dialect))
        # The connections that nobody uses, the one used last at the end: few threads read at the
        # same moment, and what is used all the time has what it needs at hand. None is closed
        # because there are many: to open one takes PostgreSQL longer than many reads.
        self._idle: list[Any] = []
        # Called with the text of each statement: for whoever counts them.
        self.observers: list[Callable[[str], None]] = []

    def rows(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        """The rows of a statement, as they are committed now.

        :raises sqlalchemy.exc.DBAPIError: what the driver raised
        """
        compiled = self._compiled(statement)
        for observer in self.observers:
            observer(compiled.text)
        if not compiled.is_simple:
            with self._engine.connect() as connection:
                return connection.execute(statement, parameters).fetchall()
        values = compiled.values(parameters or {})
        try:
            kept = self._idle.pop()
        except IndexError:
            return self._run(self._connected(compiled), compiled, values)
        try:
            return self._run(kept, compiled, values)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # The database closed it while nobody used it, or was migrated. To read twice does no harm,
        # and costs less than to try each connection before it is used.
        return self._run(self._connected(compiled), compiled, values)

    def leave(self) -> list[Any]:
        """Forget the connections that nobody uses.

        :returns: them, open
        """
        idle, self._idle = self._idle, []
        return idle

    def begin_anew(self) -> list[Any]:
        """As in a process that has just been forked, whose other threads are not there.

        :returns: the connections of the process that it was forked from
        """
        return self.leave()

    def _run(self, connection: Any, compiled: Compiled, values: Any) -> Sequence[Any]:
        try:
            return compiled.run(connection.dbapi_connection, values)
        except self._error as error:
            lost = self._is_lost(connection, error)
            if lost:
                # What happened to one has mostly happened to all: a restart, or a migration.
                for each in (connection, *self.leave()):
                    each.invalidate()
            raise self._wrapped(error, compiled, lost=lost) from error
        finally:
            # Unless it was given up.
            if connection.dbapi_connection is not None:
                self._idle.append(connection)

    def _connected(self, compiled: Compiled) -> Any:
        try:
            return self._engine.raw_connection()
        except self._error as error:
            raise self._wrapped(error, compiled, lost=True) from error

    def _is_lost(self, connection: Any, error: Exception) -> bool:
        """Is it of no more use?"""
        dialect: Any = self._engine.dialect
        return is_stale(error) or dialect.is_disconnect(error, connection.dbapi_connection, None)

    def _wrapped(self, error: Exception, compiled: Compiled, *, lost: bool) -> DBAPIError:
        """As SQLAlchemy raises it, so that whoever handles errors need not know two kinds."""
        return DBAPIError.instance(  # type: ignore[return-value]  # of a driver's own errors
            compiled.text,
            None,
            error,
            self._error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=self._engine.dialect,
        )


class ServerReader(Reader):
    """Reads from a database server, on a limited number of connections.

    Others go on while it answers; SQLite computes in the thread itself.
    """

    def __init__(self, engine: Engine, connections: int, patience: float) -> None:
        """
        :param connections: how many it has at the most
        :param patience: how long a read waits for one of them, in seconds
        """
        super().__init__(engine)
        self._connections = connections
        self._patience = patience
        self._free = threading.Semaphore(connections)

    def rows(
        self, statement: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        """The rows of a statement, as they are committed now.

        :raises sqlalchemy.exc.TimeoutError: others had all of the connections for too long
        :raises sqlalchemy.exc.DBAPIError: what the driver raised
        """
        step_aside()
        free = self._free
        if not free.acquire(timeout=self._patience):
            text = f"{self._connections} connections were all busy for {self._patience:g} seconds"
            raise PoolTimeoutError(text)
        try:
            return super().rows(statement, parameters)
        finally:
            free.release()

    def begin_anew(self) -> list[Any]:
        """As in a process that has just been forked, whose other threads are not there."""
        self._free = threading.Semaphore(self._connections)
        return super().begin_anew()


def _has_entities(statement: Any) -> bool:
    """Does it select whole objects, which only a session can make?"""
    found = getattr(statement, "column_descriptions", ())
    return any(each.get("entity") is each["expr"] for each in found)


def _row_type(names: list[str]) -> Callable[[Sequence[Any]], Any]:
    # Two columns of one name, or a name that Python lacks, go by their position.
    made: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # noqa: PYI024  (made here)
    # What its _make does, without a frame of Python's.
    return partial(tuple.__new__, made)
