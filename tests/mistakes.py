"""Broken .ini files, and how to tell whether every mistake in one was named."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import plaster
import plaster_pastedeploy
import pytest

from widget_service import cli

SECRET = "hunter2-hunter2"
KEY = "kQ3vJ8mTz5wXb1Lr7NfYh2Pd9GsCa4Ue6Ri0Ox"
OURS = ("widget_service.auth", "widget_service.widgets", "widget_service.docs")
URL = "sqlite:///%(here)s/test.sqlite"
PSYCOPG = f"postgresql+psycopg://joe:{SECRET}@"
MASKED = "postgresql+psycopg://joe:***@"
INTEGER = "is not a valid integer"

SECRETIVE = """
import colander
from widget_service.fields import Text, WholeNumber
from widget_service.settings import setting
class Settings(colander.MappingSchema):
    number = setting(WholeNumber(), "A secret number.", default=1, secret=True)
    word = setting(
        Text(), "A secret word.", colander.OneOf(["one"]), default="one", secret=True
    )
def includeme(config):
    config.include("widget_service")
    config.declare_settings("safe", Settings())
"""


def plugin(*lines):
    """The text of a plugin whose includeme has these lines."""
    return "\n    ".join(["def includeme(config):", 'config.include("widget_service")', *lines])


def text(*lines, plugins=OURS, url=URL, key=KEY, migrate="true", before=""):
    """An .ini file, with these lines at its end; None leaves a setting out."""
    given = {
        "sqlalchemy.url": url,
        "database.migrate_at_start": migrate,
        "jwt.private_key": key,
    }
    return "\n".join(
        [
            *([before] if before else []),
            "[app:main]",
            "use = egg:widget_service",
            f"pyramid.includes = {' '.join(plugins)}",
            *(f"{name} = {value}" for name, value in given.items() if value is not None),
            *lines,
            "",
        ]
    )


class Mistake(NamedTuple):
    """What is expected to be said about one mistake.

    ``origin`` is where it is: by default the line of the file that the key begins.
    """

    key: str
    value: str | None
    text: str
    origin: str = "LINE"


class Case(NamedTuple):
    """A broken file, with what it is read beside."""

    ini: str
    mistakes: list[Mistake]
    environ: Mapping[str, str] = MappingProxyType({})
    modules: Mapping[str, str] = MappingProxyType({})
    arguments: Mapping[str, str] = MappingProxyType({})
    # Empty ones.
    files: Sequence[str] = ()


# The origin of a variable that nobody reads.
VARIABLE = "(environment variable)"


def variable(name):
    return f"environment variable {name}"


def where(mistake, file):
    """The origin of a mistake as the message has it."""
    lines = file.read_text(encoding="utf-8").splitlines()
    if mistake.origin == "LINE":
        numbers = [n for n, line in enumerate(lines, 1) if re.match(rf"{mistake.key}\s*=", line)]
        return f"({file}, line {numbers[0]})"
    return {"LAST LINE": f"({file}, line {len(lines)})", "FILE": f"({file})"}.get(
        mistake.origin, mistake.origin
    )


def check(message, file, mistakes):
    """Does the message name these mistakes, and no others?"""
    first, *lines = message.rstrip("\n").splitlines()
    assert first == f"widget_service cannot start, {len(mistakes)} problem(s):", message
    assert len(lines) == len(mistakes), message
    for mistake in mistakes:
        value = mistake.value and mistake.value.replace("NOT UTF-8", str(file.parent / "latin"))
        start = f"  - {mistake.key}" + (f" = {value} (" if value else " (")
        found = [line for line in lines if line.startswith(start)]
        assert found, f"{start} is not in {message}"
        assert any(mistake.text in line and where(mistake, file) in line for line in found), message
    assert SECRET not in message
    assert "Traceback" not in message


def prepare(case, tmp_path, monkeypatch, write_plugin):
    """Put everything in place; the path of the broken file."""
    # Trial hashes cost most of the time that a start takes.
    monkeypatch.setenv("WIDGET_SERVICE_PASSLIB_ARGON___MEMORY_COST", "8")
    latin = tmp_path / "latin"
    latin.write_bytes(b"\xe9")
    secret = tmp_path / "secret"
    secret.write_text(SECRET, encoding="utf-8")
    line = tmp_path / "line"
    line.write_text(f"root:x:0:0:{SECRET}:/root 7", encoding="utf-8")
    for name, value in case.environ.items():
        given = value.replace("NOT UTF-8", str(latin)).replace("A SECRET", str(secret))
        given = given.replace("A LINE", str(line))
        monkeypatch.setenv(name, given)
    for name, source in case.modules.items():
        write_plugin(name, source)
    for name in case.files:
        (tmp_path / name).touch()
    file = tmp_path / "broken.ini"
    file.write_text(case.ini, encoding="utf-8")
    return file


def check_application(file, case):
    """Does the service refuse to start, for exactly the mistakes of this case?"""
    loader = plaster_pastedeploy.Loader(plaster.parse_uri(str(file)))
    with pytest.raises(SystemExit) as refusal:
        loader.get_wsgi_app(defaults=case.arguments)
    check(str(refusal.value), file, case.mistakes)


def check_command(file, case, capsys):
    """Does a command refuse to run, for exactly these mistakes?"""
    assert cli.main(["purge-blacklist", "-c", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    check(err, file, case.mistakes)
