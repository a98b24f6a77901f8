"""Connections to PostgreSQL that do not wait without end.

A server that stops answering, without closing its connections, looks like one that works on a
statement. By itself the driver waits for it: each request would take a thread away for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import Connection, OperationalError
from psycopg.abc import PQGen
from psycopg.errors import InFailedSqlTransaction
from psycopg.pq import TransactionStatus

# How much longer than the server itself allows a statement, in seconds: it should be the one that
# gives up, as it then ends the statement.
GRACE = 1.0


class PatientConnection(Connection[Any]):
    """A connection that is closed when an answer is not there in time."""

    # In seconds; None to wait without end.
    patience: float | None = None

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's, which lets subclasses wait in another way.

        :raises psycopg.OperationalError: the answer is not there in time
        """
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # Whatever is sent next, even to roll back, would wait for that answer.
                self.close()
            raise

    def commit(self) -> None:
        """As psycopg's, for a transaction in which nothing failed.

        :raises psycopg.errors.InFailedSqlTransaction: something did. The server would roll back,
            and call that an answer; whoever has caught the error would believe that all is kept
        """
        if self.pgconn.transaction_status == TransactionStatus.INERROR:
            raise InFailedSqlTransaction("a statement of the transaction failed: nothing is kept")
        super().commit()


def connector(answer_timeout: int) -> Callable[..., PatientConnection]:
    """What connects, for SQLAlchemy's event ``do_connect``.

    :param answer_timeout: how long a statement may take, in milliseconds
    """

    def connect(
        _dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]
    ) -> PatientConnection:
        connection = PatientConnection.connect(*arguments, **options)
        connection.patience = answer_timeout / 1000 + GRACE
        return connection

    return connect


def wait_without_end(connection: PatientConnection) -> None:
    """Let what looks through all of a database take its time."""
    connection.execute("SET statement_timeout = 0")
    connection.patience = None
