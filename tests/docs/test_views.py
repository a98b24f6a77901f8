"""The root, the documents, the page and its files over HTTP."""

import pytest

from widget_service.docs.views import POLICY, STATIC
from widget_service.testing import Client, application, ini_text

PATHS = ["", "/", "/swagger.json", "/openapi.json", "/ui", "/ui/static/start.js"]


@pytest.fixture
def with_settings(tmp_path):
    """Makes a client of an application with other settings."""
    made = []

    def make(**settings):
        values = {name.replace("__", "."): value for name, value in settings.items()}
        ini = ini_text(f"sqlite:///{tmp_path / 'test.sqlite'}", settings=values)
        made.append(application(ini, tmp_path))
        return Client(made[-1])

    yield make
    for app in made:
        app.registry.database.close()


@pytest.mark.parametrize("path", PATHS)
def test_it_is_public(client, path):
    assert client.get(f"/api/v1{path}").status_int == 200


@pytest.mark.parametrize("path", PATHS)
def test_it_answers_head_options_and_what_is_not_allowed(client, path):
    url = f"/api/v1{path}"
    assert client.head(url).body == b""
    options = client.options(url)
    assert (options.status_int, options.body) == (200, b"")
    assert options.headers["Allow"] == "GET, HEAD, OPTIONS"
    for method in (client.post, client.put, client.patch, client.delete):
        refused = method(url, status=405)
        assert refused.json == {"message": "The method is not allowed for the requested URL."}
        assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["", "/"])
def test_it_says_what_there_is_and_where(client, path):
    assert client.get(f"/api/v1{path}").json == {
        "name": "Widget service",
        "version": "1.0.0",
        "plugins": ["widget_service.auth", "widget_service.widgets", "widget_service.docs"],
        "links": {
            "self": "/api/v1/",
            "ui": "/api/v1/ui",
            "swagger.json": "/api/v1/swagger.json",
            "openapi.json": "/api/v1/openapi.json",
            "auth.register": "/api/v1/auth/register",
            "auth.login": "/api/v1/auth/login",
            "auth.user": "/api/v1/auth/user",
            "auth.logout": "/api/v1/auth/logout",
            "auth.sessions": "/api/v1/auth/sessions",
            "auth.password": "/api/v1/auth/password",
            "widgets": "/api/v1/widgets",
            "widget": "/api/v1/widgets/{name}",
        },
    }


def test_it_knows_where_the_application_is_mounted(client):
    mounted = {"SCRIPT_NAME": "/my service"}

    def get(path):
        return client.get(f"/api/v1{path}", extra_environ=mounted)

    assert get("/swagger.json").json["basePath"] == "/my%20service/api/v1"
    assert get("/openapi.json").json["servers"] == [{"url": "/my%20service/api/v1"}]
    assert get("/").json["links"]["widgets"] == "/my%20service/api/v1/widgets"
    page = get("/ui").text
    assert 'data-document="/my%20service/api/v1/openapi.json"' in page
    assert 'src="/my%20service/api/v1/ui/static/start.js"' in page
    # And what was said to one is not said to the next.
    assert client.get("/api/v1/swagger.json").json["basePath"] == "/api/v1"


def test_it_follows_the_settings(with_settings):
    client = with_settings(
        rest__prefix="/v2",
        docs__title='Parts & <b>"things"</b>',
        docs__version="7",
        docs__description="All of *them*.",
        docs__ui_path="/help/page",
        docs__asset_max_age="60",
        paging__per_page_choices="3 6",
        paging__per_page="6",
        widgets__show_owner_email="false",
    )
    swagger = client.get("/v2/swagger.json").json
    assert swagger["info"] == {
        "title": 'Parts & <b>"things"</b>',
        "version": "7",
        "description": "All of *them*.",
    }
    assert swagger["basePath"] == "/v2"
    size = swagger["paths"]["/widgets"]["get"]["parameters"][1]
    assert (size["default"], size["enum"]) == (6, [3, 6])
    owner = swagger["definitions"]["Widget"]["properties"]["owner"]
    assert owner["required"] == [*owner["properties"]] == ["public_id"]
    root = client.get("/v2").json
    assert (root["name"], root["version"]) == ('Parts & <b>"things"</b>', "7")
    assert root["links"]["ui"] == "/v2/help/page"
    page = client.get("/v2/help/page").text
    assert "<title>Parts &amp; &lt;b&gt;&quot;things&quot;&lt;/b&gt;</title>" in page
    asset = client.get("/v2/help/page/static/start.js")
    assert asset.cache_control.max_age == 60
    client.get("/v2/ui", status=404)


def test_it_lets_the_page_ask_nobody_else_and_run_nothing_inline(client):
    page = client.get("/api/v1/ui")
    assert page.content_type == "text/html"
    assert page.headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for script in page.html.find_all("script"):
        assert script["src"].startswith("/api/v1/ui/static/")
        assert script.text == ""
    assert page.html.find_all("style") == []


def test_it_serves_what_the_page_names(client):
    page = client.get("/api/v1/ui")
    named = {script["src"] for script in page.html.find_all("script")}
    named |= {link["href"] for link in page.html.find_all("link", rel="stylesheet")}
    assert len(named) == 3
    for url in named:
        assert client.get(url).body == (STATIC / url.rpartition("/")[2]).read_bytes()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js.LICENSE.txt", "text/plain"),
        ("LICENSE", "text/plain"),
        ("NOTICE", "text/plain"),
    ],
)
def test_it_lets_browsers_keep_the_files(client, name, kind):
    url = f"/api/v1/ui/static/{name}"
    asset = client.get(url)
    assert (asset.content_type, asset.charset) == (kind, "utf-8")
    assert asset.headers["X-Content-Type-Options"] == "nosniff"
    assert (asset.cache_control.public, asset.cache_control.max_age) == (True, 86400)
    since = {"If-Modified-Since": asset.headers["Last-Modified"]}
    assert client.get(url, headers=since, status=304).body == b""


@pytest.mark.parametrize("part", ["bytes=0-9", "bytes=9999999-"])
def test_it_sends_no_part_of_a_file(client, part):
    url = "/api/v1/ui/static/start.js"
    assert client.get(url, headers={"Range": part}, status=200).body == client.get(url).body


@pytest.mark.parametrize(
    "name", ["missing.js", "..%2fviews.py", "%2e%2e/page.html", "%2fetc%2fpasswd", "%00"]
)
def test_it_has_no_other_files(client, name):
    answer = client.get(f"/api/v1/ui/static/{name}", status=404)
    assert answer.json.keys() == {"message"}


def test_it_keeps_the_licence_with_the_files():
    assert "Apache License" in (STATIC / "LICENSE").read_text(encoding="utf-8")
    assert "SmartBear" in (STATIC / "NOTICE").read_text(encoding="utf-8")
