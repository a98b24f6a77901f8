"""The README does what it says: it is run, and its answers are compared with real ones."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from email import message_from_string
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from processes import PATIENCE, REPOSITORY, SCRIPTS, environment, free_port, ini_file, serving

from widget_service.testing import Client, application

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^ *```(\w+)\n(.*?)^ *```\n", re.MULTILINE | re.DOTALL)
BLOCKS = FENCED.findall(README)
FIRST, SECOND = (text for _language, text in BLOCKS[:2])
# What differs from one time to another, in the order of replacement.
VOLATILE = [
    (re.compile(r"eyJ[\w.…-]+"), "TOKEN"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"), "ISO 8601"),
    (re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d [AP]M"), "CLOCK"),
    (re.compile(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d"), "RFC 822"),
    (re.compile(r"\d\d:\d\d:\d\d"), "DURATION"),
    (re.compile(r"\d+ day\(s\) \d+ hours \d+ minutes \d+ seconds"), "TIME REMAINING"),
]
# Where the answer to a request must not be confused with the next one's.
SEPARATOR = "\N{RECORD SEPARATOR}"


class Exchange(NamedTuple):
    """What somebody types, and the answer that the README shows."""

    typed: str
    language: str
    answer: str


def exchanges():
    """Each shell block that is followed by an answer."""
    return [
        Exchange(typed, language, answer)
        for (shell, typed), (language, answer) in pairwise(BLOCKS)
        if shell == "shell" and language in ("json", "http", "text")
    ]


def steady(value):
    """The text of ``value`` without what differs from one time to another."""
    text = json.dumps(value, ensure_ascii=False)
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return text


def parsed(answer):
    """The status line, the headers and the body of an answer as ``curl -i`` shows it."""
    line, rest = answer.split("\n", 1)
    message = message_from_string(rest)
    return line.strip(), message, json.loads(message.get_payload())


def compare(shown, got):
    """Fail unless ``got`` is what the README shows, but for times and the like."""
    if shown.language == "text":
        assert steady(got) == steady(shown.answer)
    elif shown.language == "json":
        assert steady(json.loads(got)) == steady(json.loads(shown.answer))
    else:
        line, headers, body = parsed(got.replace("\r\n", "\n"))
        expected_line, expected_headers, expected_body = parsed(shown.answer)
        assert line == expected_line
        # The service sends more of them than there are to see.
        for name, value in expected_headers.items():
            assert headers[name] == value
        assert steady(body) == steady(expected_body)


@pytest.fixture(params=["curl", "stand-in"] if shutil.which("curl") else ["stand-in"])
def programs(request, tmp_path):
    """A PATH on which curl is: the real one, where there is one, and a small one of ours."""
    path = os.environ.get("PATH", os.defpath)
    if request.param == "curl":
        return path
    program = tmp_path / "bin" / "curl"
    program.parent.mkdir()
    script = REPOSITORY / "tests" / "curl.py"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {script} "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{path}"


def test_its_first_two_blocks_are_a_command_line_each():
    for (language, _text), command in zip(BLOCKS, (FIRST, SECOND), strict=False):
        assert language == "shell"
        assert command.count("\n") == 1
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install -e ")
    assert SECOND.endswith(" && .venv/bin/pytest\n")


def test_its_requests_have_the_answers_that_it_shows(tmp_path, programs):
    port = free_port()
    ini_file("development.ini", tmp_path, port=port)
    (tmp_path / ".venv").symlink_to(SCRIPTS.parent)
    shown = exchanges()
    script = f"printf '{SEPARATOR}'\n".join(each.typed for each in shown)
    program, *arguments = shlex.split(FIRST)[-2:]
    with serving(Path(program).name, *arguments, cwd=tmp_path, port=port):
        done = subprocess.run(
            ["/bin/sh", "-c", script.replace("localhost:6543", f"localhost:{port}")],
            cwd=tmp_path,
            env=environment() | {"PATH": programs},
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
    answers = done.stdout.split(SEPARATOR)
    assert len(answers) == len(shown), done.stderr
    for each, answer in zip(shown, answers, strict=True):
        compare(each, answer)


@pytest.fixture
def greetings(tmp_path, monkeypatch):
    """The application of development.ini with the README's plugin."""
    code = next(text for language, text in BLOCKS if language == "python")
    lines = next(text for language, text in BLOCKS if language == "ini")
    (tmp_path / "greetings.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    ini = (REPOSITORY / "development.ini").read_text(encoding="utf-8")
    listed = re.compile(r"^pyramid\.includes =\n( +\S+\n)+", re.MULTILINE)
    assert listed.search(ini)
    app = application(listed.sub(lines, ini), tmp_path)
    yield app
    app.registry.database.close()
    del sys.modules["greetings"]


def test_its_plugin_answers_and_is_documented(greetings):
    client = Client(greetings)
    assert client.get("/api/v1/greetings").json == {"text": "good morning"}
    assert "/greetings" in client.get("/api/v1/swagger.json").text


def test_the_commands_that_it_names_exist(greetings):
    named = set(re.findall(r"widget-service (?:-c \S+ )?([a-z]+(?:-[a-z]+)*)", README))
    assert {"migrate", "config", "promote"} <= named <= {*greetings.registry.commands}


def test_the_files_that_it_links_to_are_there():
    linked = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert "docs/swagger-ui.png" in linked
    assert [file for file in linked if not (REPOSITORY / file).exists()] == []
