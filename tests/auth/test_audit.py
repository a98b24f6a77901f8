"""Audit lines: what happened to accounts, and nothing that must not be in a log."""

import argparse
import base64
import getpass
import json
import logging
import os

import pytest
from pyramid.testing import DummyRequest

from widget_service.auth import audit
from widget_service.logs import JSONFormatter
from widget_service.principals import AccessRefused, Refused
from widget_service.testing import PASSWORD, run, statements

AUTH = "/api/v1/auth"
EMAIL = "user@example.com"
CLAIMED = ("action", "outcome", "who", "origin", "status", "reason", "method", "path", "email")
REALM_TEXT = "You are not an administrator"


@pytest.fixture
def lines(caplog):
    """The audit lines since somebody asked last: the fields, without those that a line lacks."""
    caplog.set_level(logging.INFO, "widget_service.audit")
    formatter = JSONFormatter()

    def read():
        found = [json.loads(formatter.format(record)) for record in caplog.records
                 if record.name == "widget_service.audit"]  # fmt: skip
        caplog.clear()
        return [{key: line[key] for key in CLAIMED if key in line} for line in found]

    return read


def line(action, outcome, who, status, **more):
    return {"action": action, "outcome": outcome, "who": who, "origin": "192.0.2.7",
            "status": status, **more}  # fmt: skip


@pytest.fixture
def client(client):
    client.extra_environ["REMOTE_ADDR"] = "192.0.2.7"
    return client


@pytest.fixture
def user(client):
    user = client.sign_up(EMAIL)
    user.extra_environ["REMOTE_ADDR"] = "192.0.2.7"
    return user


def test_it_writes_who_registered_and_logged_in(client, lines):
    fields = {"email": EMAIL, "password": PASSWORD}
    client.post(f"{AUTH}/register", fields)
    token = client.post(f"{AUTH}/login", fields).json["access_token"]
    who = client.with_token(token).get(f"{AUTH}/user").json["public_id"]
    assert lines() == [line("register", "success", who, 201), line("login", "success", who, 200)]
    client.post(f"{AUTH}/register", {"email": EMAIL, "password": "x"}, status=409)
    client.post(f"{AUTH}/login", {"email": EMAIL, "password": "x"}, status=401)
    client.post(f"{AUTH}/login", {"email": "other@example.com", "password": "x"}, status=401)
    assert lines() == [
        line("register", "failure", EMAIL, 409),
        line("login", "failure", EMAIL, 401),
        line("login", "failure", "other@example.com", 401),
    ]


def test_it_writes_what_users_do_to_their_accounts(user, lines):
    who = user.account.public_id
    lines()
    fields = {"current_password": "wrong", "new_password": "new"}
    user.put(f"{AUTH}/password", fields, status=400)
    user.put(f"{AUTH}/password", fields | {"current_password": PASSWORD})
    user.delete(f"{AUTH}/sessions")
    user.post(f"{AUTH}/logout")
    assert lines() == [
        line("password change", "failure", who, 400),
        line("password change", "success", who, 200),
        line("logout everywhere else", "success", who, 200),
        line("logout", "success", who, 200),
    ]


def test_it_writes_whom_it_refused_and_why(client, user, lines):
    lines()
    client.get(f"{AUTH}/user", status=401)
    client.with_token("x").get(f"{AUTH}/user", status=401)
    with statements(user.registry) as sent:
        user.delete("/api/v1/widgets/a%0Ab", status=403)
    assert len(sent) == 1
    stranger = {"action": "access", "outcome": "refused", "who": "nobody", "status": 401,
                "method": "GET", "path": "/api/v1/auth/user"}  # fmt: skip
    assert lines() == [
        stranger | {"origin": "192.0.2.7", "reason": "Unauthorized"},
        stranger | {"origin": "unknown", "reason": "Invalid token. Please log in again."},
        line("access", "refused", user.account.public_id, 403, reason=REALM_TEXT,
             method="DELETE", path="/api/v1/widgets/a%0Ab"),
    ]  # fmt: skip


def test_it_writes_nothing_of_what_is_no_refusal(user, lines):
    lines()
    user.get("/api/v1/widgets")
    user.get("/nowhere", status=404)
    user.post(f"{AUTH}/login", {}, status=400)
    user.post("/api/v1/widgets", {}, status=403)
    assert [each["outcome"] for each in lines()] == ["refused"]


def test_it_says_failure_where_the_transaction_failed_at_its_end(user, lines, monkeypatch):
    lines()

    def fail(*_args):
        raise OSError("the disk is full")

    monkeypatch.setattr("transaction.TransactionManager.commit", fail)
    user.post(f"{AUTH}/logout", status=500)
    assert lines() == [line("logout", "failure", user.account.public_id, 500)]


def test_it_writes_what_operators_do(client, lines, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", argparse.Namespace(isatty=lambda: False, readline=lambda: "x"))
    run(client.registry, "add-user", email=EMAIL, admin=False)
    run(client.registry, "add-user", email="admin@example.com", admin=True)
    written = lines()
    who = client.log_in(EMAIL, "x").account.public_id
    lines()
    names = ["promote", "demote", "log-out", "set-password", "disable", "enable", "delete-user"]
    for name in names:
        run(client.registry, name, email=EMAIL.upper())
    written += lines()
    assert [each["action"] for each in written] == ["add-user", "add-user --admin", *names]
    assert {each["who"] for each in [written[0], *written[2:]]} == {who}
    assert {each["email"] for each in [written[0], *written[2:]]} == {EMAIL}
    assert {each["outcome"] for each in written} == {"success"}
    assert {each["origin"] for each in written} == {f"{getpass.getuser()} at the machine"}


def test_it_writes_addresses_of_accounts_in_ascii(client, lines):
    client.sign_up("\xe9@example.com")
    lines()
    run(client.registry, "promote", email="\xc9@example.com")
    assert lines()[0]["email"] == "\\xe9@example.com"


def test_it_names_an_operator_who_has_no_name(client, lines, monkeypatch):
    def nobody():
        raise KeyError("uid not found")

    client.sign_up(EMAIL)
    lines()
    monkeypatch.setattr("getpass.getuser", nobody)
    run(client.registry, "promote", email=EMAIL)
    assert lines()[0]["origin"] == f"user {os.getuid()} at the machine"


def test_it_sets_up_logging_for_a_command_as_the_ini_file_says(client, monkeypatch):
    asked = []
    client.sign_up(EMAIL)
    monkeypatch.setattr("plaster.setup_logging", asked.append)
    run(client.registry, "promote", email=EMAIL)
    assert asked == []
    monkeypatch.setattr(audit.log, "propagate", False)
    run(client.registry, "demote", email=EMAIL)
    assert asked == [str(client.registry.settings_declared.source.file)]


def test_it_makes_one_line_in_ascii_of_any_name(lines, caplog):
    audit.write("login", "failure", "a\n\u202eb\xe9", "::1")
    assert "login: failure, a\\n\\u202eb\\xe9 from ::1" in caplog.text
    assert lines()[0]["who"] == "a\\n\\u202eb\\xe9"


def test_it_writes_a_short_line_however_long_a_request_is(client, lines):
    client.get(f"/api/v1/widgets/{'%22' * 60_000}", status=401)
    request = DummyRequest(method="X" * 60_000, remote_addr="::1")
    audit.refusal(AccessRefused(request, Refused(401, "Unauthorized", "")))
    audit.write("login", "failure", "\U0001f600" * 250, "::1")
    path, method, who = lines()
    assert path["path"] == f"/api/v1/widgets/{'%22' * 61}%..."
    assert method["method"] == f"{'X' * 200}..."
    assert who["who"] == "\\U0001f600" * 20 + "..."


def test_no_log_line_has_a_password_a_token_or_the_header_it_came_in(make_app, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "widget_service", "txn", "pyramid_jwt"):
        caplog.set_level(logging.DEBUG, name)
    first, second, wrong = "first-Secret-1", "second-Secret-2", "wrong-Secret-3"
    client = make_app({"pyramid.debug_all": "true"})
    user = client.sign_up(EMAIL, first)
    other = user.log_in(EMAIL, first)
    basic = base64.b64encode(f"{EMAIL}:{wrong}".encode()).decode()
    for password in (wrong, f"{wrong}\0"):
        fields = {"email": EMAIL, "password": password}
        client.post(f"{AUTH}/login", fields, status=(400, 401))
        client.post_json(f"{AUTH}/login", fields, status=(400, 401))
    client.post(f"{AUTH}/register", {"email": EMAIL, "password": wrong}, status=409)
    client.get(f"{AUTH}/user", headers={"Authorization": f"Basic {basic}"}, status=401)
    user.with_token(f"{user.account.token}=").get(f"{AUTH}/user", status=401)
    user.post("/api/v1/widgets", {"name": "x"}, status=403)
    change = {"current_password": first, "new_password": second}
    user.put(f"{AUTH}/password", {**change, "current_password": wrong}, status=400)
    user.put(f"{AUTH}/password", change)
    other.get(f"{AUTH}/sessions", status=401)
    user.get(f"{AUTH}/sessions")
    user.post(f"{AUTH}/logout")
    formatter = JSONFormatter()
    text = "\n".join(formatter.format(record) + repr(vars(record)) for record in caplog.records)
    assert "success" in text
    assert "INSERT INTO issued_token" in text
    tokens = [part for each in (user, other) for part in each.account.token.split(".")[1:]]
    for secret in (first, second, wrong, basic, *tokens, "Bearer ", "Basic "):
        assert secret not in text
