"""The two .ini files as they are delivered: what an operator relies on."""

import configparser
import contextlib
import http.client
import json

import plaster
import plaster_pastedeploy
import pytest
from processes import PATIENCE, REPOSITORY, ask, free_port, ini_file, run, serving

KEY = {"WIDGET_SERVICE_JWT_PRIVATE_KEY": "kQ3vJ8mTz5wXb1Lr7NfYh2Pd9GsCa4Ue6Ri0Ox"}
ADMIN = {"email": "admin@example.com", "password": "123456"}
WIDGET = {"info_url": "https://example.com/", "deadline": "12/31/2099"}
FORWARDED = {"X-Forwarded-Host": "widgets.example.com", "X-Forwarded-Proto": "https"}
TRUST = [
    (f"#{line}", line)
    for line in ("trusted_proxy = ", "trusted_proxy_count = ", "trusted_proxy_headers = ")
]


@pytest.fixture(scope="module")
def production(tmp_path_factory):
    """A directory with production.ini and its database, migrated, with an administrator."""
    directory = tmp_path_factory.mktemp("production")
    file = ini_file("production.ini", directory)
    add = ["add-user", "--admin", ADMIN["email"]]
    for command in (["migrate"], add):
        text = ADMIN["password"] + "\n"
        done = run("widget-service", "-c", file, *command, cwd=directory, text=text, **KEY)
        assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def server(production):
    """pserve -q production.ini."""
    port = free_port()
    file = ini_file("production.ini", production, port=port)
    with serving("pserve", "-q", file, cwd=production, port=port, **KEY) as started:
        yield started


@pytest.fixture(scope="module")
def development(tmp_path_factory):
    """pserve development.ini."""
    directory = tmp_path_factory.mktemp("development")
    port = free_port()
    file = ini_file("development.ini", directory, port=port)
    with serving("pserve", file, cwd=directory, port=port) as started:
        yield started


def register(port, **fields):
    return ask(port, "POST", "/api/v1/auth/register", {**ADMIN, **fields})


def location(port, name, headers):
    """Where a new widget is, as the answer to its creation says."""
    token = ask(port, "POST", "/api/v1/auth/login", ADMIN)[2]["access_token"]
    headers = {"Authorization": f"Bearer {token}", **headers}
    status, headers, _body = ask(port, "POST", "/api/v1/widgets", {"name": name, **WIDGET}, headers)
    assert status == 201
    return headers["Location"]


def test_development_issues_tokens_of_15_minutes(development):
    status, _headers, body = register(development.port)
    assert (status, body["expires_in"]) == (201, 900)


def test_production_issues_tokens_of_an_hour(server):
    status, _headers, body = register(server.port, email="user@example.com")
    assert (status, body["expires_in"]) == (201, 3600)


@pytest.mark.parametrize("which", ["development", "server"])
def test_it_refuses_a_large_body_in_json(which, request):
    port = request.getfixturevalue(which).port
    status, headers, body = register(port, padding="x" * 70_000)
    assert (status, headers["Content-Type"], list(body)) == (413, "application/json", ["message"])


@pytest.mark.parametrize("which", ["development", "server"])
def test_it_refuses_a_huge_body_unread(which, request):
    port = request.getfixturevalue(which).port
    headers = {"Content-Length": str(2**21), "Content-Type": "application/json"}
    status, headers = refused_unsent(port, headers)
    assert status == 413
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Expose-Headers"].startswith("Location, ")
    assert headers["Vary"] is None


@pytest.mark.parametrize("origin", ["https://a.example", "https://evil.example"])
def test_it_says_to_scripts_what_the_service_says_where_the_server_refuses(own_origins, origin):
    _status, service, _body = ask(own_origins.port, "GET", "/", None, {"Origin": origin})
    huge = {"Content-Length": str(2**21), "Origin": origin}
    status, server = refused_unsent(own_origins.port, huge)
    assert (status, server["Vary"]) == (413, "Origin")
    assert server["Access-Control-Allow-Origin"] == {"https://a.example": origin}.get(origin)
    for name in ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers"):
        assert server[name] == service[name]


@pytest.fixture(scope="module")
def own_origins(production):
    """pserve production.ini for pages of one origin."""
    port = free_port()
    file = ini_file("production.ini", production, port=port)
    origins = {"WIDGET_SERVICE_CORS_ORIGINS": "https://a.example https://b.example"}
    with serving("pserve", "-q", file, cwd=production, port=port, **KEY, **origins) as started:
        yield started


def refused_unsent(port, headers):
    """The status and the headers of the answer to a request whose body never comes."""
    connection = http.client.HTTPConnection("localhost", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/api/v1/auth/register")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.headers


def test_production_logs_one_json_object_a_line(server):
    lines = [json.loads(line) for line in server.stderr.read_text().splitlines()]
    assert any(line["message"].startswith("Serving on") for line in lines)
    least = {"time", "level", "logger", "message"}
    assert all(line.keys() == least for line in lines if line["logger"] != "widget_service.audit")
    assert all(line.keys() > least for line in lines if line["logger"] == "widget_service.audit")


def test_production_does_not_believe_forwarded_headers(server):
    expected = f"http://localhost:{server.port}/api/v1/widgets/plain"
    assert location(server.port, "plain", FORWARDED) == expected


def test_production_believes_them_where_a_proxy_is_configured(production):
    port = free_port()
    # The second server of the file has the settings of the first.
    file = ini_file("production.ini", production, *TRUST, ("*:6544", f"127.0.0.1:{port}"))
    command = ["pserve", "-q", "--server-name", "second", file]
    with serving(*command, cwd=production, port=port, **KEY):
        expected = "https://widgets.example.com/api/v1/widgets/proxied"
        assert location(port, "proxied", FORWARDED) == expected


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, ["jwt.private_key", "not set"]),
        (
            {"WIDGET_SERVICE_JWT_PRIVATE_KEY": "development-key-that-everybody-can-read"},
            ["WIDGET_SERVICE_JWT_PRIVATE_KEY", "development.ini"],
        ),
        (KEY, ["widget-service -c", "migrate"]),
    ],
    ids=["no key", "the key of development.ini", "database not migrated"],
)
def test_production_refuses_to_start(tmp_path, monkeypatch, environment, named):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    file = ini_file("production.ini", tmp_path)
    with pytest.raises(SystemExit) as refusal:
        plaster_pastedeploy.Loader(plaster.parse_uri(str(file))).get_wsgi_app()
    message = str(refusal.value)
    assert [text for text in named if text not in message] == []
    # Not even in a message about it.
    assert not any(value in message for value in environment.values())


@pytest.mark.parametrize(
    ("name", "address"), [("development.ini", "localhost:6543"), ("production.ini", "*:6543")]
)
def test_it_listens_where_the_readme_says(name, address):
    parser = configparser.RawConfigParser()
    parser.read(REPOSITORY / name, encoding="utf-8")
    assert parser["server:main"]["listen"] == address


@pytest.mark.parametrize("name", ["development.ini", "production.ini"])
def test_logins_leave_threads_for_others(name):
    parser = configparser.RawConfigParser()
    parser.read(REPOSITORY / name, encoding="utf-8")
    # One is hashed at a time.
    logins = 1 + int(parser["app:main"]["auth.hash_queue"])
    assert 30 < logins < int(parser["server:main"]["threads"]) - 5


def test_production_has_no_secret_in_its_file():
    parser = configparser.RawConfigParser()
    parser.read(REPOSITORY / "production.ini", encoding="utf-8")
    application = parser["app:main"]
    assert not [key for key in application if "key" in key or "secret" in key]
    assert application["sqlalchemy.url"].startswith("sqlite:///%(here)s/")
