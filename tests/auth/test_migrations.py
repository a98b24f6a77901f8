"""The tables of accounts, made and taken back."""

from sqlalchemy import inspect

from widget_service.database import migrations
from widget_service.testing import application, ini_text

TABLES = {"site_user", "token_blacklist"}


def tables(app):
    return TABLES & set(inspect(app.registry.database.write_engine).get_table_names())


def test_it_takes_its_tables_back_and_makes_them_again(own_database, tmp_path):
    app = application(ini_text(own_database, plugins=["widget_service.auth"]), tmp_path)
    assert tables(app) == TABLES
    migrations.downgrade(app.registry, "auth@base")
    assert tables(app) == set()
    migrations.upgrade(app.registry)
    assert tables(app) == TABLES
    assert migrations.differences(app.registry) == []
    app.registry.database.close()
