"""What is plugged in: the listing, permissions, and what is closed to whom."""

import importlib
import re
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from widget_service import cli, configure
from widget_service.plugins import NOBODYS, PUBLIC, Plugins
from widget_service.testing import SETTINGS, Client, application, empty, ini_text, new_database

OURS = (
    "widget_service.auth",
    "widget_service.widgets",
    "widget_service.docs",
    "widget_service.ops",
)
# Everybody who can reach the service may call these. A new line here is a decision.
PUBLIC_ROUTES = {
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/register"),
    ("GET", "/api/v1"),
    ("GET", "/api/v1/"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/api/v1/swagger.json"),
    ("GET", "/api/v1/ui"),
    ("GET", "/api/v1/ui/static/{file}"),
    ("GET", "/__lbheartbeat__"),
    ("GET", "/__heartbeat__"),
    ("GET", "/__version__"),
}
DOORS = """
from pyramid.security import NO_PERMISSION_REQUIRED
from widget_service.rest import Service

service = Service("service", "/doors/{number}")

@service.get()
def get_door(request):
    return {}

@service.put(permission="doors:paint")
def put_door(request):
    return {}

def tween_factory(handler, registry):
    return handler

def includeme(config):
    config.include("widget_service")
    config.include("widget_service.auth")
    config.declare_permissions({"doors:paint": "paint doors"})
    config.add_rest_service(service)
    config.add_tween("doors.tween_factory")
    for name in ("front", "back"):
        config.add_route(name, f"/doors/{name}")
    config.add_view(lambda request: {}, route_name="front", renderer="json")
    config.add_view(
        lambda request: {},
        route_name="back",
        renderer="json",
        request_method=("GET", "POST"),
        permission=NO_PERMISSION_REQUIRED,
    )
    config.add_view(lambda request: {}, name="nowhere", renderer="json")
    config.add_command("knock", print, help="knock")
"""


def registry_of(*plugins):
    section = {**SETTINGS, "sqlalchemy.url": "sqlite:///test.sqlite"}
    return configure({**section, "pyramid.includes": " ".join(plugins)}, environ={}).registry


@pytest.fixture
def doors(write_plugin):
    write_plugin("doors", DOORS)
    return registry_of(*OURS, "doors")


def test_the_public_routes_are_these():
    routes = Plugins(registry_of(*OURS)).routes()
    public = {(each.method, each.path) for each in routes if each.permission == PUBLIC}
    assert public == PUBLIC_ROUTES


def test_it_knows_the_routes_of_a_plugin(doors):
    assert {each[1:] for each in Plugins(doors).routes() if each.plugin == "doors"} == {
        ("GET", "/api/v1/doors/{number}", "undeclared"),
        ("PUT", "/api/v1/doors/{number}", "doors:paint"),
        ("ANY", "/doors/front", "undeclared"),
        ("GET", "/doors/back", PUBLIC),
        ("POST", "/doors/back", PUBLIC),
    }


def test_it_knows_whose_tables_there_are(doors):
    # The models of widgets are in this process, whoever includes them.
    assert registry_of(*OURS)
    found = Plugins(registry_of("widget_service.auth")).tables()
    tables = {(plugin, table.name) for plugin, table in found}
    assert tables == {
        ("widget_service.auth", "issued_token"),
        ("widget_service.auth", "site_user"),
        ("widget_service.auth", "token_blacklist"),
    }


def test_it_knows_which_tables_are_missing_where_nobody_migrates(tmp_path):
    registry = registry_of("widget_service.auth")
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}")
    with closing(engine.connect()) as connection:
        # Somebody may just write the migration.
        assert [*Plugins(registry).unmade(connection)] == []
        registry.migrations.clear()
        connection.exec_driver_sql("CREATE VIEW site_user AS SELECT 1")
        found = [(each.key, each.origin) for each in Plugins(registry).unmade(connection)]
    engine.dispose()
    assert sorted(found) == [
        ("table issued_token", "widget_service.auth"),
        ("table token_blacklist", "widget_service.auth"),
    ]


def test_it_knows_tweens_in_their_order(doors):
    tweens = list(Plugins(doors).tweens())
    expected = [
        ("widget_service", "widget_service.tweens.cors.tween_factory"),
        ("doors", "doors.tween_factory"),
        (NOBODYS, "pyramid_tm.tm_tween_factory"),
        (NOBODYS, "pyramid.tweens.excview_tween_factory"),
    ]
    assert [each for each in tweens if each in expected] == expected


def test_it_knows_tweens_that_the_file_names():
    section = {**SETTINGS, "sqlalchemy.url": "sqlite:///test.sqlite"}
    section |= {"pyramid.includes": "widget_service.auth"}
    section |= {"pyramid.tweens": "pyramid_tm.tm_tween_factory"}
    registry = configure(section, environ={}).registry
    assert list(Plugins(registry).tweens()) == [(NOBODYS, "pyramid_tm.tm_tween_factory")]


@pytest.mark.parametrize("spelling", ["doors", "doors.includeme", "doors:includeme"])
def test_it_knows_a_plugin_of_one_module_from_its_neighbours(write_plugin, spelling):
    neighbour = write_plugin("neighbour", "")
    file = write_plugin("doors", DOORS)
    plugins = Plugins(registry_of(*OURS, spelling))
    assert plugins.of_file(str(file)) == spelling
    assert plugins.of_file(str(neighbour)) == NOBODYS
    assert plugins.of_module("doors") in (spelling, NOBODYS)
    assert plugins.of_module("doorsteps") == NOBODYS


def test_it_prints_what_each_plugin_brings(write_plugin, tmp_path, capsys):
    write_plugin("doors", DOORS)
    file = tmp_path / "test.ini"
    file.write_text(ini_text("sqlite:///test.sqlite", [*OURS, "doors"]), encoding="utf-8")
    assert cli.main(["-c", str(file), "plugins"]) == 0
    blocks = {}
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("  "):
            blocks[list(blocks)[-1]].append(" ".join(line.split()))
        else:
            blocks[line] = []
    assert list(blocks) == ["widget_service", "doors", *sorted(OURS), NOBODYS]
    assert blocks["doors"] == [
        "route ANY /doors/front undeclared",
        "route GET /api/v1/doors/{number} undeclared",
        "route GET /doors/back PUBLIC",
        "route POST /doors/back PUBLIC",
        "route PUT /api/v1/doors/{number} doors:paint",
        "permission doors:paint: paint doors",
        "command knock",
        "tween doors.tween_factory",
    ]
    assert "tween widget_service.tweens.cors.tween_factory" in blocks["widget_service"]
    assert "command config" in blocks["widget_service"]
    auth = blocks["widget_service.auth"]
    assert "permission auth:self: show and secure the own account, and log out" in auth
    assert "migrations widget_service.auth:migrations" in auth
    assert "table site_user" in auth
    assert [line for line in auth if line.startswith("settings jwt.*: private_key, ")]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_view_without_a_permission_is_for_administrators(write_plugin, tmp_path, request, kind):
    write_plugin("doors", DOORS)
    with new_database(kind, request, tmp_path) as url:
        app = application(ini_text(url, [*OURS, "doors"]), tmp_path)
        with closing(app.registry.database):
            empty(app.registry)
            stranger = Client(app)
            user = stranger.sign_up("user@example.com")
            admin = stranger.sign_up("admin@example.com", admin=True)
            for path in ("/doors/front", "/api/v1/doors/1"):
                for who, status in ((stranger, 401), (user, 403), (admin, 200)):
                    who.get(path, status=status)
            assert stranger.get("/doors/back").json == {}


ROUTES = "add_route('one', {!r}); config.add_route('two', {!r})"
SERVICES = "add_rest_service(Service('one', {!r})); config.add_rest_service(Service('two', {!r}))"


@pytest.mark.parametrize(
    ("adds", "first", "second", "clash"),
    [
        (ROUTES, "/doors/{number}", "doors/{name}", "the path of route two is that of one"),
        (ROUTES, "/doors/{number}", "/doors/{name:[a-z]+}", None),
        (ROUTES, "/doors", "/doors/", None),
        (ROUTES, "/doors", "/doors", "the path of route two is that of one"),
        (SERVICES, "/doors/{number}", "/doors/{name}", "there is one already"),
        (SERVICES, "/doors/{a:[0-9]{1,9}}", "/doors/{b:[0-9]{1,9}}", "there is one already"),
        (SERVICES, "/doors/{a:[0-9]{1,9}}", "/doors/{b}", None),
    ],
)
def test_it_finds_what_hides_another_one(write_plugin, adds, first, second, clash):
    write_plugin(
        "doors",
        "from widget_service.rest import Service\n"
        "def includeme(config):\n"
        "    config.include('widget_service')\n"
        f"    config.{adds.format(first, second)}\n",
    )
    if clash:
        with pytest.raises(Exception, match=clash):
            registry_of("widget_service.auth", "doors")
    else:
        assert registry_of("widget_service.auth", "doors")


def test_it_lets_methods_of_one_path_be_routes_of_their_own(write_plugin):
    write_plugin(
        "doors",
        "def includeme(config):\n"
        "    config.include('widget_service')\n"
        "    config.add_route('read', '/doors', request_method='GET')\n"
        "    config.add_route('write', '/doors', request_method='POST')\n",
    )
    assert registry_of("widget_service.auth", "doors")


def test_the_names_that_a_plugin_needs_are_where_the_documentation_says():
    text = (Path(__file__).parent.parent / "docs" / "plugins.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(widget_service\.\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) > 5
    for module, names in rows:
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(importlib.import_module(module), name), (module, name)
