"""Servers that fork when the application has been made: two processes never share a connection."""

import gc
import os
import signal
import warnings
from contextlib import closing

import pytest
from processes import PATIENCE
from sqlalchemy import Integer, text

from widget_service.database import engines
from widget_service.database.engines import Database
from widget_service.testing import new_database

PID = text("SELECT pg_backend_pid() AS pid").columns(pid=Integer)
PIDS = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
POOL = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0}


@pytest.fixture
def database(request, tmp_path):
    with (
        new_database("postgresql", request, tmp_path) as url,
        closing(Database({"url": url, **POOL}, lock_timeout=5000, answer_timeout=5000)) as made,
    ):
        yield made


def used(database):
    """Which processes of PostgreSQL serve whoever reads, and whoever writes."""
    with database.write_engine.connect() as connection:
        return {database.read(PID)[0].pid, connection.scalar(PID)}


def test_a_process_that_was_forked_has_connections_of_its_own(database):
    before = used(database)
    with warnings.catch_warnings():
        # Of threads that may hold a lock; nobody else uses this database.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        signal.alarm(PATIENCE)
        try:
            own = used(database)
            gc.collect()
            os._exit(len(own & before))
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    # The other process has not ended them.
    assert used(database) == before


def test_the_connections_of_the_other_process_are_left_open(database, monkeypatch):
    before = used(database)
    monkeypatch.setattr(engines, "DATABASES", [database])
    engines._begin_anew()  # noqa: SLF001  (in the child of a fork, otherwise)
    own = used(database)
    assert not own & before
    assert before < {row.pid for row in database.read(PIDS)}
    # Here they are nobody else's.
    for_reading, pool = database._others  # noqa: SLF001  (nothing else has them)
    for connection in for_reading:
        connection.close()
    pool.dispose()
