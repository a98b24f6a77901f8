"""What an operator reads of what the database said."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from migrated import changing, configured, tables
from processes import PATIENCE
from sqlalchemy import create_engine, make_url

from widget_service.cli import CommandError
from widget_service.database import migrations
from widget_service.testing import PLUGINS, application, ini_text

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'site_user'::regclass"


@pytest.mark.parametrize("own_database", ["postgresql"], indirect=True)
def test_it_says_to_stop_the_service_where_that_and_a_migration_wait_for_each_other(whole):
    migrations.upgrade(whole)
    with changing(whole) as service, changing(whole) as observer, ThreadPoolExecutor() as pool:
        # So that it is the migration that PostgreSQL ends.
        service.exec_driver_sql("SET deadlock_timeout = '1h'")
        service.exec_driver_sql("SELECT * FROM site_user")
        migration = pool.submit(migrations.migrate, whole, "widgets@base")
        while not observer.exec_driver_sql(WAITING).scalar() and not migration.done():
            pass
        reader = pool.submit(service.exec_driver_sql, "SELECT * FROM widget")
        with pytest.raises(CommandError) as refused:
            migration.result(PATIENCE)
        reader.result(PATIENCE)
    assert str(refused.value).startswith("revision widgets0001 (")
    assert str(refused.value).endswith("nothing was changed. Stop the service, and run this again")
    assert "widget" in tables(whole)


def test_it_names_the_file_that_cannot_be_opened(tmp_path):
    file = tmp_path / "nowhere" / "test.sqlite"
    with configured(tmp_path, ini_text(f"sqlite:///{file}", PLUGINS)) as registry:
        with pytest.raises(CommandError) as refused:
            migrations.migrate(registry)
        assert str(refused.value) == f"{file}: unable to open database file"


@pytest.fixture
def other_schema(own_postgresql):
    """The URL of an empty schema of a database."""
    engine = create_engine(own_postgresql)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA other")
    url = make_url(own_postgresql).update_query_dict({"options": "-c search_path=other"})
    yield url.render_as_string(hide_password=False)
    # The next test, which gets the database, knows only of the schema public.
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA other CASCADE")
    engine.dispose()


def test_it_says_where_tables_are_that_the_search_path_does_not_lead_to(
    own_postgresql, other_schema, tmp_path
):
    application(ini_text(own_postgresql), tmp_path).registry.database.close()
    ini = ini_text(other_schema, PLUGINS, {"database.migrate_at_start": "false"})
    with pytest.raises(SystemExit, match="does not lead to schema public, which has tables"):
        application(ini, tmp_path)
    # Where that is meant.
    with configured(tmp_path, ini) as registry:
        migrations.upgrade(registry)
    with closing(application(ini, tmp_path).registry.database):
        assert "widget" in tables(registry)
