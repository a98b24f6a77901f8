"""What happens to the database at start, and how little of Alembic that takes."""

import subprocess
import sys

import pytest
from core import core_ini
from pyramid.config import Configurator

from widget_service.database import migrating, migrations, revisions
from widget_service.settings import StartupError
from widget_service.testing import application, ini_text

REVISION = 'revision = "a1"\ndown_revision = None\nbranch_labels = ("a",)\ndepends_on = None\n'


@pytest.fixture
def unclear(monkeypatch):
    """Nothing is plain."""
    monkeypatch.setattr(revisions, "read", lambda _folders: None)


@pytest.mark.usefixtures("unclear")
def test_it_migrates_and_serves_with_alembic_alone(tmp_path):
    ini = core_ini(tmp_path, "plugins.notes")
    for _each in range(2):
        app = application(ini, tmp_path)
        assert app.registry.revisions is None
        assert migrating.compare(app.registry, ["notes0002"]) == ([], set())
        assert migrating.compare(app.registry, ["other"])[1] == {"other"}
        app.registry.database.close()


@pytest.mark.usefixtures("unclear")
def test_it_does_not_migrate_what_alembic_finds_up_to_date(tmp_path, monkeypatch):
    """To count all rows takes its time, and keeps everybody from writing."""
    ini = core_ini(tmp_path, "plugins.notes")
    application(ini, tmp_path).registry.database.close()
    migrated = []
    monkeypatch.setattr(migrations, "upgrade", migrated.append)
    application(ini, tmp_path).registry.database.close()
    assert migrated == []


def test_a_service_that_is_up_to_date_does_not_load_alembic(tmp_path):
    ini = tmp_path / "test.ini"
    text = ini_text(f"sqlite:///{tmp_path}/x.sqlite")
    ini.write_text(text, encoding="utf-8")
    application(text, tmp_path).registry.database.close()
    program = (
        "import sys; from pyramid.paster import get_app; "
        f"get_app({str(ini)!r}); print(sorted({{'alembic', 'mako'}} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", program]
    assert subprocess.check_output(command, text=True, cwd=tmp_path) == "[]\n"


def test_it_reads_the_revisions_of_all_that_is_delivered(app):
    assert app.registry.revisions.heads == set(migrations.scripts(app.registry).get_heads())


def test_it_refuses_them_in_an_application_of_somebody_elses_too(tmp_path, write_plugin):
    for name in ("first", "second"):
        text = f'def includeme(config):\n    config.add_migrations("{name}:migrations")\n'
        write_plugin(f"{name}/__init__", text)
        write_plugin(f"{name}/migrations/0001", REVISION)
    url = f"sqlite:///{tmp_path / 'own.sqlite'}"
    config = Configurator(settings={"sqlalchemy.url": url, "database.migrate_at_start": "true"})
    for name in ("widget_service", "first", "second"):
        config.include(name)
    with pytest.raises(StartupError, match=r"0001\.py is named so, too"):
        config.make_wsgi_app()
