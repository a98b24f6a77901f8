"""How an application is put together."""

import plaster
import pytest
from pyramid.config import Configurator
from webtest import TestApp

from widget_service import configure, configure_file, settings, start
from widget_service.settings import StartupError
from widget_service.testing import SETTINGS, ini_text

AUTH = ("widget_service.auth",)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture
def section(url):
    return {**SETTINGS, "sqlalchemy.url": url, "pyramid.includes": AUTH[0]}


def test_it_is_configured_by_a_file(tmp_path, url):
    file = tmp_path / "test.ini"
    file.write_text(ini_text(url, AUTH), encoding="utf-8")
    registry = configure_file(str(file)).registry
    assert settings.of(registry, "pyramid").includes == AUTH
    assert registry.settings_declared.source.file == str(file)


def test_it_is_made_from_the_command_line_over_the_file(tmp_path, url):
    file = tmp_path / "test.ini"
    file.write_text(ini_text(url, AUTH, {"jwt.expiration": "60"}), encoding="utf-8")
    loader = plaster.get_loader(str(file), protocols=["wsgi"])
    app = loader.get_wsgi_app(defaults={"jwt.expiration": "30", "port": "1"})
    assert settings.of(app.registry, "jwt").expiration == 30
    app.registry.database.close()


def test_it_serves_without_a_plugin(url):
    section = {"sqlalchemy.url": url, "database.migrate_at_start": "true"}
    app = start(configure(section, environ={}))
    answer = TestApp(app).get("/api/v1/widgets", status=404)
    assert list(answer.json) == ["message"]
    app.registry.database.close()


OPEN = """
def includeme(config):
    config.include("widget_service")
    config.add_route("door", "/door")
    config.add_view(lambda request: {"open": True}, route_name="door", renderer="json")
"""


def test_it_closes_a_view_without_a_permission_where_nobody_says_who_is_who(write_plugin, url):
    write_plugin("door", OPEN)
    section = {"sqlalchemy.url": url, "pyramid.includes": "door"}
    app = start(configure({**section, "database.migrate_at_start": "true"}, environ={}))
    assert TestApp(app).get("/door", status=403).json == {"message": "Forbidden"}
    app.registry.database.close()


def test_it_keeps_two_applications_of_one_process_apart(section, tmp_path, write_plugin):
    write_plugin("door", OPEN)
    other = {
        "sqlalchemy.url": f"sqlite:///{tmp_path / 'other.sqlite'}",
        "pyramid.includes": "door",
        "rest.prefix": "/other",
        "database.migrate_at_start": "true",
    }
    one, two = configure(section, environ={}), configure(other, environ={})
    assert settings.of(one.registry, "rest").prefix == "/api/v1"
    assert settings.of(two.registry, "rest").prefix == "/other"
    assert "jwt" not in two.registry.settings_values
    assert "add-user" in one.registry.commands
    assert "add-user" not in two.registry.commands
    # Whatever one application does wrong, the other one starts.
    with pytest.raises(StartupError):
        configure({**section, "jwt.expiration": "0"}, environ={})
    for app, here, there in ((start(one), "/api/v1/auth/user", "/door"),
                             (start(two), "/door", "/api/v1/auth/user")):  # fmt: skip
        assert TestApp(app).get(here, expect_errors=True).status_int in (401, 403)
        assert TestApp(app).get(there, status=404)
        app.registry.database.close()


def test_it_can_be_part_of_another_application(section):
    config = Configurator(settings={**section, "jwt.expiration": "60"})
    config.include("widget_service.auth")
    config.commit()
    assert settings.of(config.registry, "jwt").expiration == 60
    config.registry.database.close()


def test_it_refuses_to_be_part_of_another_application_with_mistakes(section):
    config = Configurator(settings={**section, "pyramid.includes": "", "jwt.expiration": "0"})
    config.include("widget_service.auth")
    with pytest.raises(Exception, match="0 is less than minimum value 1"):
        config.commit()
