"""Applications that are configured, and whose databases have no tables yet."""

import pytest
from core import core_ini
from migrated import OURS, SEATS, alembic_section, configured

from widget_service.database import file as database_file
from widget_service.database import migrations
from widget_service.testing import PLUGINS, ini_text


@pytest.fixture
def whole(own_database, tmp_path):
    """An .ini file with all plugins of ours, for Alembic's command."""
    ini = ini_text(own_database, PLUGINS) + alembic_section(*OURS)
    database_file.make(own_database)
    with configured(tmp_path, ini) as registry:
        yield registry


@pytest.fixture
def notes(own_database, tmp_path):
    with configured(
        tmp_path, core_ini(tmp_path, "plugins.notes", sqlalchemy__url=own_database)
    ) as r:
        yield r


@pytest.fixture
def write_seats(own_database, write_plugin):
    """A function that writes a plugin that depends on widgets, for a text of an .ini file."""

    def write(revision=SEATS):
        text = 'def includeme(config):\n    config.add_migrations("seats:migrations")\n'
        write_plugin("seats/__init__", text)
        write_plugin("seats/migrations/0001", revision)
        return ini_text(own_database, [*PLUGINS, "seats"]) + alembic_section(*OURS)

    return write


@pytest.fixture
def seats(write_seats, tmp_path):
    """A database with its table."""
    with configured(tmp_path, write_seats()) as registry:
        migrations.upgrade(registry)
        yield registry
