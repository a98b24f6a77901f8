"""What the tests of widgets share."""

import pytest


@pytest.fixture
def rows(client):
    """A function that runs a statement, committed at once, and answers its rows."""

    def run(statement, parameters=None):
        with client.registry.database.write_engine.begin() as connection:
            result = connection.execute(statement, parameters or {})
            return result.fetchall() if result.returns_rows else []

    return run
