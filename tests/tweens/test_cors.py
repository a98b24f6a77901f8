"""What browsers are told about other origins."""

import pytest
from core import core_ini, serving
from pyramid.config import Configurator
from pyramid.interfaces import ITweens
from pyramid.response import Response
from pyramid.scripts.ptweens import PTweensCommand
from pyramid.security import NO_PERMISSION_REQUIRED
from webtest import TestApp

from widget_service.testing import application
from widget_service.tweens.cors import expose_headers

ORIGIN = "https://app.example.com"
EXPOSED = "Location, Link, Total-Count, ETag, WWW-Authenticate, Retry-After"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
PATHS = [
    ("GET", "/api/v1/echo", 200),
    ("GET", "/api/v1/echo/absent", 404),
    ("GET", "/api/v1/restricted", 403),
    ("GET", "/api/v1/echo?size=x", 400),
    ("GET", "/api/v1/echo?turn=1", 429),
    ("GET", "/api/v1/%ff", 400),
    ("GET", "/api/v1/faulty/bug", 500),
    ("DELETE", "/api/v1/echo", 405),
    ("GET", "/nothing", 404),
    ("POST", "/api/v1/faulty/bug", 500),
]
PLUGINS = ("plugins.turnstile", "plugins.echo", "plugins.faulty")


@pytest.fixture(scope="module")
def anybody(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("anybody"), *PLUGINS) as testapp:
        yield testapp


@pytest.fixture(scope="module")
def somebody(tmp_path_factory):
    origins = {"cors__origins": f"{ORIGIN} http://localhost:8080", "cors__max_age": "5"}
    with serving(tmp_path_factory.mktemp("somebody"), *PLUGINS, **origins) as testapp:
        yield testapp


def cors(response):
    """The headers that a browser looks at."""
    return {
        name.removeprefix("Access-Control-"): value
        for name, value in response.headers.items()
        if name.startswith("Access-Control-")
    }


@pytest.mark.parametrize(("method", "path", "status"), PATHS)
@pytest.mark.parametrize("origin", [None, ORIGIN, "null"])
def test_it_lets_any_origin_in_by_default(anybody, method, path, status, origin):
    headers = {"Origin": origin} if origin else {}
    response = anybody.request(path, method=method, headers=headers, status=status)
    assert cors(response) == {"Allow-Origin": "*", "Expose-Headers": EXPOSED}
    assert "Origin" not in response.headers.get("Vary", "")


@pytest.mark.parametrize(("method", "path", "status"), PATHS)
def test_it_lets_exact_origins_in(somebody, method, path, status):
    response = somebody.request(path, method=method, headers={"Origin": ORIGIN}, status=status)
    assert cors(response) == {"Allow-Origin": ORIGIN, "Expose-Headers": EXPOSED}
    assert response.headers["Vary"].split(", ")[-1] == "Origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://example.com",
        f"{ORIGIN}.evil.example",
        "http://app.example.com",
        f"{ORIGIN}:8443",
        f"{ORIGIN}/",
        ORIGIN.upper(),
        "null",
        "*",
        "",
        None,
    ],
)
def test_it_keeps_other_origins_out(somebody, origin):
    headers = {} if origin is None else {"Origin": origin}
    response = somebody.get("/api/v1/echo", headers=headers)
    assert cors(response) == {}
    # A cache must not answer the right origin with this.
    assert response.headers["Vary"] == "Origin"
    assert cors(somebody.options("/api/v1/echo", headers=PREFLIGHT | headers)) == (
        {} if origin is not None else cors(somebody.options("/api/v1/echo", headers=PREFLIGHT))
    )


def test_it_answers_preflights(anybody, somebody):
    response = anybody.options("/api/v1/echo", headers=PREFLIGHT, status=200)
    expected = {
        "Allow-Origin": "*",
        "Expose-Headers": EXPOSED,
        "Allow-Methods": "GET, HEAD, OPTIONS, POST",
        "Allow-Headers": "Authorization, Content-Type, If-Match, If-None-Match",
        "Max-Age": "600",
    }
    assert cors(response) == expected
    assert response.body == b""
    # Also of what strangers may not see.
    response = anybody.options("/api/v1/restricted", headers=PREFLIGHT, status=200)
    assert cors(response) == {**expected, "Allow-Methods": "GET, HEAD, OPTIONS"}
    response = somebody.options("/api/v1/echo", headers=PREFLIGHT, status=200)
    assert cors(response) == {**expected, "Allow-Origin": ORIGIN, "Max-Age": "5"}
    assert response.headers["Vary"] == "Origin"


def test_it_answers_preflights_of_what_is_not_there(anybody):
    response = anybody.options("/nothing", headers=PREFLIGHT, status=404)
    assert cors(response)["Allow-Methods"] == "OPTIONS"


def test_it_tells_options_from_a_preflight(anybody):
    response = anybody.options("/api/v1/echo", headers={"Origin": ORIGIN})
    assert set(cors(response)) == {"Allow-Origin", "Expose-Headers"}


def test_it_adds_to_a_vary_that_is_there(somebody):
    response = somebody.get("/api/v1/faulty/varying", headers={"Origin": ORIGIN})
    assert sorted(response.headers["Vary"].split(", ")) == ["Accept-Language", "Origin"]


@pytest.mark.parametrize("order", [PLUGINS, PLUGINS[::-1]])
def test_it_is_outside_of_every_other_tween(tmp_path, order, capsys):
    with serving(tmp_path, *order) as testapp:
        names = [name for name, _ in testapp.app.registry.getUtility(ITweens).implicit()]
        assert names == [
            "widget_service.tweens.cors.tween_factory",
            "widget_service.tweens.headers.tween_factory",
            "plugins.turnstile.tween_factory",
            "pyramid_tm.tm_tween_factory",
            "pyramid.tweens.excview_tween_factory",
            "widget_service.tweens.hosts.tween_factory",
        ]
        PTweensCommand(["ptweens", str(tmp_path / "test.ini")]).run()
        assert "widget_service.tweens.cors" in capsys.readouterr().out


@pytest.mark.parametrize(
    "origins",
    [
        "* https://example.com",
        "example.com",
        "https://example.com/",
        "https://*.example.com",
        "https://joe@example.com",
        "HTTPS://example.com",
        "https://Example.com",
        "https://example.com:",
        "https://exämple.com",
        "null",
    ],
)
def test_it_refuses_to_start_with_what_is_no_origin(tmp_path, origins):
    with pytest.raises(SystemExit, match=r"cors\.origins"):
        application(core_ini(tmp_path, cors__origins=origins), tmp_path)


@pytest.mark.parametrize(
    "origins", ["*", "http://[::1]:8080", "chrome-extension://abc", "https://a.example,http://b"]
)
def test_it_starts_with_origins(tmp_path, origins):
    with serving(tmp_path, cors__origins=origins) as testapp:
        first = origins.split(",")[0]
        response = testapp.get("/nothing", headers={"Origin": first}, status=404)
        assert cors(response)["Allow-Origin"] == first


def test_what_a_view_says_of_origins_does_not_count(tmp_path):
    (tmp_path / "x.sqlite").touch()
    config = Configurator(settings={"sqlalchemy.url": f"sqlite:///{tmp_path}/x.sqlite"})
    config.include("widget_service")
    config.add_route("own", "/own")
    own = [("access-control-allow-origin", "https://own.example.com"), ("Own", "kept")]
    config.add_view(
        lambda _request: Response(headerlist=[*own]),
        route_name="own",
        permission=NO_PERMISSION_REQUIRED,
    )
    app = config.make_wsgi_app()
    app.registry.database.close()
    answer = TestApp(app).get("/own")
    assert answer.headers.getall("Access-Control-Allow-Origin") == ["*"]
    assert answer.headers["Own"] == "kept"


def test_it_lets_two_plugins_expose_the_same_header():
    with Configurator() as config:
        config.registry.exposed_headers = []
        for _plugin in range(2):
            expose_headers(config, "Gadget-Count")
    assert config.registry.exposed_headers == ["Gadget-Count"]
