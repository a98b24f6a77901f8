"""Databases as migrations leave them, and .ini files for Alembic's command."""

from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, inspect

from widget_service import configure_file

REPOSITORY = Path(__file__).parent.parent
NOTES = REPOSITORY / "tests" / "plugins" / "notes" / "migrations"
OURS = ("widget_service.auth:migrations", "widget_service.widgets:migrations")
HEADS = {"notes0002"}


def alembic_section(*locations):
    lines = [f"    {location}" for location in locations]
    return "\n".join(
        [
            "[alembic]",
            f"script_location = {REPOSITORY / 'alembic'}",
            "path_separator = newline",
            "version_locations =",
            *lines,
            "",
        ]
    )


SEATS = """
from alembic import op

revision = "seats0001"
down_revision = None
branch_labels = ("seats",)
depends_on = ("widgets",)

def upgrade():
    op.execute("CREATE TABLE seat (id INTEGER)")

def downgrade():
    op.execute("DROP TABLE seat")
"""


@contextmanager
def configured(directory, ini):
    """The registry of an application that is not started."""
    file = directory / "test.ini"
    file.write_text(ini, encoding="utf-8")
    registry = configure_file(str(file)).registry
    with closing(registry.database):
        yield registry


@contextmanager
def changing(registry):
    """A connection that may do to the database whatever it likes."""
    engine = create_engine(registry.database.write_engine.url)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def tables(registry):
    with changing(registry) as connection:
        return set(inspect(connection).get_table_names())


def current(registry):
    with changing(registry) as connection:
        return set(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars())
