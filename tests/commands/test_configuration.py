"""``widget-service config``: what is configured, and what could be."""

import configparser
import json

import pytest
from processes import REPOSITORY, free_port, run, serving
from processes import ask as ask_server

from widget_service import cli, configure_file, settings
from widget_service.testing import ini_text

PASSWORD = "hunter2"
URL = f"postgresql+psycopg://joe:{PASSWORD}@localhost:1/db"
EXOTIC = """
import colander
from widget_service.fields import Text
from widget_service.settings import setting

class Settings(colander.MappingSchema):
    rate = setting(Text(), "A rate, such as 50 % | 60 %.", default="50 %")
    key = setting(Text(), "A key.", default="no secret", secret=True)
    must = setting(Text(), "What nobody else can know.", default=colander.required)

def includeme(config):
    config.include("widget_service")
    config.declare_settings("exotic", Settings())
"""
FIELDS = {"email": "user@example.com", "password": "123456"}
OURS = ("widget_service.auth", "widget_service.widgets", "widget_service.docs")


@pytest.fixture
def ask(tmp_path, capsys, write_plugin, monkeypatch):
    """A function that runs a ``config`` command, and answers what it printed."""
    write_plugin("exotic", EXOTIC)
    monkeypatch.chdir(tmp_path)

    def ask(*command, plugins=OURS, url=URL, **changes):
        given = {name.replace("__", ".", 1): value for name, value in changes.items()}
        (tmp_path / "test.ini").write_text(ini_text(url, plugins, given), encoding="utf-8")
        assert cli.main(["-c", "test.ini", "config", *command]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return ask


def test_it_checks_settings_without_a_database(ask):
    said = "All settings are valid. The database and the other checks at start were not tried.\n"
    assert ask("check") == said


def test_it_checks_the_other_sections_of_the_file(tmp_path, capsys):
    file = tmp_path / "test.ini"
    server = "\n[server:main]\nuse = egg:widget_service#server\nthraeds = 2\n"
    file.write_text(ini_text(URL) + server, encoding="utf-8")
    assert cli.main(["-c", str(file), "config", "check"]) == 1
    said = f"- [server:main] ({file}): thraeds = 2: Unknown adjustment 'thraeds'"
    assert said in capsys.readouterr().err


def test_it_shows_settings_with_their_origin(ask, tmp_path, monkeypatch):
    monkeypatch.setenv("WIDGET_SERVICE_JWT_LEEWAY", "5")
    shown = ask("show", jwt__expiration="60", docs__title="", passlib__truncate_error="true")
    lines = [line.strip() for line in shown.splitlines()]
    ini = (tmp_path / "test.ini").read_text().splitlines()

    def block(key):
        [start] = [i for i, line in enumerate(lines) if line.startswith(f"{key} = ")]
        return lines[start : start + 3]

    def line(key):
        [number] = [i for i, each in enumerate(ini, 1) if each.startswith(f"{key} =")]
        return f"from: {tmp_path / 'test.ini'}, line {number}"

    assert block("jwt.leeway")[0::2] == [
        "jwt.leeway = 5",
        "widget_service.auth; from: environment variable WIDGET_SERVICE_JWT_LEEWAY; default: 10",
    ]
    assert block("jwt.expiration") == [
        "jwt.expiration = 60",
        "How long a token lives, in seconds.",
        f"widget_service.auth; {line('jwt.expiration')}; default: 3600",
    ]
    assert block("docs.title")[0] == "docs.title = (empty)"
    assert block("jwt.private_key")[0::2] == [
        "jwt.private_key = ***",
        f"widget_service.auth; {line('jwt.private_key')}; default: (not set)",
    ]
    assert block("jwt.algorithm")[0::2] == [
        "jwt.algorithm = HS256",
        "widget_service.auth; from: default",
    ]
    assert block("passlib.truncate_error")[:2] == [
        "passlib.truncate_error = true",
        "Passed on to the library as it is.",
    ]
    assert PASSWORD not in shown
    assert "postgresql+psycopg://joe:***@localhost:1/db" in shown


def test_it_shows_settings_to_machines(ask, monkeypatch):
    monkeypatch.setenv("WIDGET_SERVICE_EXOTIC_KEY", PASSWORD)
    text = ask("show", "--json", plugins=[*OURS, "exotic"], exotic__must="x")
    found = {each["key"]: each for each in json.loads(text)}
    assert found["exotic.key"] == {
        "key": "exotic.key",
        "value": "***",
        "origin": "environment variable WIDGET_SERVICE_EXOTIC_KEY",
        "default": "***",
        "help": "A key.",
        "plugin": "exotic",
    }
    assert found["exotic.must"]["default"] is None
    assert found["exotic.rate"]["value"] == "50 %"
    assert found["pyramid.includes"]["value"] == " ".join([*OURS, "exotic"])
    assert PASSWORD not in text
    assert "only-tests-sign-with-it" not in text


def parsed(text):
    parser = configparser.RawConfigParser()
    parser.optionxform = str
    parser.read_string(text)
    return parser


@pytest.mark.processes
def test_it_makes_a_sample_that_starts(ask, tmp_path):
    port = free_port()
    sample = tmp_path / "sample.ini"
    sample.write_text(ask("sample").replace("localhost:6543", f"localhost:{port}"), "utf-8")
    done = run("widget-service", "-c", sample, "migrate", cwd=tmp_path)
    assert (done.returncode, done.stdout[:9]) == (0, "applied: "), done.stderr
    with serving("pserve", "-q", sample, cwd=tmp_path, port=port) as server:
        status, _headers, body = ask_server(port, "POST", "/api/v1/auth/register", FIELDS)
        assert (status, body["expires_in"]) == (201, 3600)
        lines = [json.loads(line) for line in server.stderr.read_text().splitlines()]
        assert [line for line in lines if line["message"].startswith("Serving on")]
        assert not [line for line in lines if line["logger"].startswith("alembic.runtime.plug")]


def test_it_makes_a_sample_with_a_new_key_each_time(ask):
    keys = {parsed(ask("sample"))["app:main"]["jwt.private_key"] for _ in range(2)}
    assert len(keys) == 2
    assert min(map(len, keys)) >= 64


def test_it_makes_a_sample_with_every_setting_at_its_default(ask, tmp_path):
    plugins = [*OURS, "widget_service.throttle", "exotic"]
    text = ask("sample", plugins=plugins, exotic__must="x")
    # Every one of them uncommented, and the one without a default filled in.
    lines = [line.removeprefix("#") if line.startswith("#") and line[1:2] != " " else line
             for line in text.splitlines()]  # fmt: skip
    sample = tmp_path / "sample.ini"
    sample.write_text("\n".join(lines).replace("exotic.must =", "exotic.must = x"), "utf-8")
    made = configure_file(str(sample)).registry
    expected = configure_file(str(tmp_path / "test.ini")).registry
    keys = set(made.settings_declared.nodes())
    assert keys - set(parsed(sample.read_text())["app:main"]) == set()
    for key in keys - {"sqlalchemy.url", "jwt.private_key"}:
        prefix, _, name = key.partition(".")
        node = made.settings_declared.nodes()[key]
        value = getattr(settings.of(made, prefix), name)
        assert value == (node.missing if key != "exotic.must" else "x") or prefix == "pyramid", key
    assert settings.of(made, "pyramid") == settings.of(expected, "pyramid")


def test_it_makes_a_sample_that_alembic_can_read(ask, tmp_path):
    alembic = parsed(ask("sample"))["alembic"]
    assert alembic["path_separator"] == "newline"
    assert alembic["version_locations"].split() == [
        "widget_service.auth:migrations",
        "widget_service.widgets:migrations",
    ]


def test_it_writes_the_reference_of_a_plugin(ask):
    text = ask("reference", plugins=[*OURS, "exotic"], exotic__must="x")
    assert "## `exotic.*`\n\nOf `exotic`. No other key is accepted." in text
    assert (
        "| `exotic.rate` | `50 %` | A rate, such as 50 % \\| 60 %. | `WIDGET_SERVICE_EXOTIC_RATE` |"
    ) in text
    assert "| `exotic.must` | required |" in text
    assert "| `settings.foreign` | empty |" in text
    assert "Of `widget_service.auth`. A library's family" in text


def test_the_reference_is_that_of_the_declarations(capsys, monkeypatch):
    monkeypatch.setenv("WIDGET_SERVICE_JWT_PRIVATE_KEY", "kQ3vJ8mTz5wXb1Lr7NfYh2Pd9GsCa4Ue6Ri0Ox")
    command = ["-c", str(REPOSITORY / "production.ini"), "config", "reference"]
    assert cli.main(command) == 0
    written = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    assert written == capsys.readouterr().out, (
        "docs/settings.md is not up to date; run: "
        "WIDGET_SERVICE_JWT_PRIVATE_KEY=$(openssl rand -hex 32) "
        "widget-service -c production.ini config reference > docs/settings.md"
    )
