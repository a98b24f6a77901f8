"""A PostgreSQL that does not answer, and one that takes too long."""

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from widget_service.database import postgresql
from widget_service.database.engines import Database
from widget_service.testing import new_database

POOL = {"pool_size": 1, "max_overflow": 0, "pool_timeout": 0}
NEVER = "SELECT pg_sleep(600)"
# The server gives up no longer: it might as well be one that has stopped.
ENDLESS = "SELECT set_config('statement_timeout', '0', false)"


@pytest.fixture
def database(request, tmp_path):
    """One that has a tenth of a second to answer."""
    with new_database("postgresql", request, tmp_path) as url:
        made = Database({"url": url, **POOL}, lock_timeout=5000, answer_timeout=100)
        yield made
        made.close()


@pytest.fixture
def impatient(monkeypatch, database):
    monkeypatch.setattr(postgresql, "GRACE", 0)
    return database


def test_it_ends_a_statement_that_takes_too_long(database):
    with pytest.raises(OperationalError, match="statement timeout") as found:
        database.read(text(NEVER))
    assert not found.value.connection_invalidated
    with database.write_engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        with pytest.raises(OperationalError, match="statement timeout"):
            connection.exec_driver_sql(NEVER)
        assert driver.pgconn.transaction_status == TransactionStatus.INERROR
        connection.rollback()
        # It is of use still.
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        assert connection.connection.dbapi_connection is driver


def test_it_gives_up_a_connection_whose_server_does_not_answer(impatient):
    with impatient.write_engine.connect() as connection:
        connection.exec_driver_sql(ENDLESS)
        driver = connection.connection.dbapi_connection
        with pytest.raises(OperationalError, match="timeout") as found:
            connection.exec_driver_sql(NEVER)
    assert found.value.connection_invalidated
    assert driver.closed
    with impatient.write_engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_it_reads_on_another_connection_then(impatient):
    first = impatient.read(text("SELECT pg_backend_pid()"))
    impatient.read(text(ENDLESS))
    # The server or the driver: on a new connection both have the same time.
    with pytest.raises(OperationalError, match="timeout"):
        impatient.read(text(NEVER))
    assert impatient.read(text("SELECT pg_backend_pid()")) != first


def test_what_looks_through_a_database_may_take_its_time(impatient):
    with impatient.read_engine.connect() as connection:
        postgresql.wait_without_end(connection.connection.dbapi_connection)
        assert connection.exec_driver_sql("SELECT 1 FROM pg_sleep(0.2)").scalar() == 1
