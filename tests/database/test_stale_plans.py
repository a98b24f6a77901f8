"""PostgreSQL's prepared statements, when a migration has changed what they fetch."""

import pytest
from core import serving
from plugins.notes import Note
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session

# The driver prepares what has been executed more often than this.
OFTEN = 6
# As many as there are attempts for a request that writes.
CONNECTIONS = 3
TEXTS = select(Note.text)


def prepare(database):
    """Have connections of either kind prepare what the test does."""
    for _time in range(OFTEN):
        database.read(TEXTS)
    connections = [database.write_engine.connect() for _each in range(CONNECTIONS)]
    for each in connections:
        for _time in range(OFTEN):
            Session(each).get(Note, 1, with_for_update=True)
            each.commit()
    for each in connections:
        each.close()


@pytest.mark.parametrize("own_database", ["postgresql"], indirect=True)
def test_it_goes_on_reading_and_writing(own_database, tmp_path):
    engine = create_engine(own_database)
    with serving(tmp_path, "plugins.notes", sqlalchemy__url=own_database) as testapp:
        database = testapp.app.registry.database
        testapp.post("/api/v1/notes/clear")
        prepare(database)
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE note ALTER COLUMN text TYPE TEXT"))
        testapp.post("/api/v1/notes/increase")
        assert [row.text for row in database.read(TEXTS)] == ["1"]
    engine.dispose()
