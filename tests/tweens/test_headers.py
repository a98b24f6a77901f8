"""What every response says to browsers and caches."""

import pytest
from core import serving

from widget_service.tweens.headers import vary

ALWAYS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
JSON_POLICY = "default-src 'none'; frame-ancestors 'none'"
PLUGINS = ("plugins.turnstile", "plugins.echo", "plugins.faulty", "widget_service.docs")
TOKEN = {"Authorization": "Bearer x"}


@pytest.fixture(scope="module")
def testapp(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("headers"), *PLUGINS) as testapp:
        yield testapp


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/echo", 200),
        ("HEAD", "/api/v1/echo", 200),
        ("OPTIONS", "/api/v1/echo", 200),
        ("GET", "/api/v1/echo?size=x", 400),
        ("GET", "/api/v1/restricted", 403),
        ("GET", "/nothing", 404),
        ("DELETE", "/api/v1/echo", 405),
        ("GET", "/api/v1/echo?turn=1", 429),
        ("GET", "/api/v1/faulty/bug", 500),
        ("GET", "/api/v1/ui", 200),
        ("GET", "/api/v1/ui/static/start.js", 200),
    ],
)
def test_it_tells_browsers_not_to_guess_and_not_to_tell(testapp, method, path, status):
    headers = testapp.request(path, method=method, status=status).headers
    assert {name: headers.getall(name) for name in ALWAYS} == {k: [v] for k, v in ALWAYS.items()}
    assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize("path", ["/api/v1/echo", "/nothing", "/api/v1/swagger.json"])
def test_it_keeps_json_from_acting_as_a_page(testapp, path):
    headers = testapp.get(path, expect_errors=True).headers
    assert headers.getall("Content-Security-Policy") == [JSON_POLICY]


def test_it_leaves_pages_their_own_policy(testapp):
    policies = testapp.get("/api/v1/ui").headers.getall("Content-Security-Policy")
    assert len(policies) == 1
    assert "script-src 'self'" in policies[0]
    assert "Content-Security-Policy" not in testapp.get("/api/v1/ui/static/start.js").headers


@pytest.mark.parametrize(
    ("path", "headers", "is_private"),
    [
        ("/api/v1/echo", {}, False),
        ("/api/v1/swagger.json", {}, False),
        ("/nothing", {}, False),
        ("/api/v1/echo", TOKEN, True),
        ("/nothing", TOKEN, True),
        ("/api/v1/faulty/bug", TOKEN, True),
        # A stranger may not; somebody else may.
        ("/api/v1/restricted", {}, True),
    ],
)
def test_it_keeps_what_a_token_opens_out_of_caches(testapp, path, headers, is_private):
    answer = testapp.get(path, headers=headers, expect_errors=True).headers
    assert (answer.get("Cache-Control"), answer.get("Vary")) == (
        ("no-store", "Authorization") if is_private else (None, None)
    )


def test_it_leaves_caches_what_a_view_gave_them(testapp):
    cached = testapp.get("/api/v1/ui/static/start.js", headers=TOKEN).headers
    assert "public" in cached["Cache-Control"]
    assert len(cached.getall("Cache-Control")) == 1


def test_it_names_everything_that_an_answer_depends_on_once(tmp_path):
    with serving(tmp_path, *PLUGINS, cors__origins="https://app.example.com") as testapp:
        headers = testapp.get("/api/v1/faulty/varying", headers=TOKEN).headers
        assert headers.getall("Vary") == ["Accept-Language, Authorization, Origin"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "Origin"),
        ("*", "*"),
        ("origin", "origin"),
        ("Accept , ORIGIN", "Accept , ORIGIN"),
        ("X-Origin", "X-Origin, Origin"),
    ],
)
def test_it_merges_vary(before, after):
    headers = {} if before is None else {"Vary": before}
    vary(headers, "Origin")
    assert headers["Vary"] == after


def test_it_keeps_browsers_on_https_where_it_is_told_to(tmp_path):
    with serving(tmp_path, *PLUGINS, headers__hsts_max_age="3600") as testapp:
        secure = testapp.get("/nothing", extra_environ={"wsgi.url_scheme": "https"}, status=404)
        assert secure.headers["Strict-Transport-Security"] == "max-age=3600"
        # In plain text anybody could have said it (RFC 6797, 7.2).
        plain = testapp.get("/nothing", status=404)
        assert "Strict-Transport-Security" not in plain.headers
