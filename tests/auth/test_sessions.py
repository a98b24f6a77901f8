"""Sessions: what is on record, who sees it, and what ends it; over HTTP and by the rules."""

import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from processes import PATIENCE
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from widget_service.auth import accounts, sessions
from widget_service.auth.models import BlacklistedToken, IssuedToken, User
from widget_service.auth.sessions import Origin
from widget_service.auth.tokens import Claims
from widget_service.testing import PASSWORD, Client, run, statements

SESSIONS = "/api/v1/auth/sessions"
CHANGE = "/api/v1/auth/password"
LOGIN = "/api/v1/auth/login"
USER = "/api/v1/auth/user"
EMAIL = "user@example.com"
NEW = "another password"
BLACKLISTED = {"message": "Token blacklisted. Please log in again."}
NOT_CURRENT = {
    "errors": {"current_password": "The current password does not match"},
    "message": "Input payload validation failed",
}
NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def change(client, current=PASSWORD, new=NEW, status=200):
    return client.put(CHANGE, {"current_password": current, "new_password": new}, status=status)


def agents(client):
    """What each session in the list says of its client."""
    return [each["user_agent"] for each in client.get(SESSIONS).json["sessions"]]


def log_in_from(client, address, agent, password=PASSWORD):
    environ = {"REMOTE_ADDR": address, "HTTP_USER_AGENT": agent}
    fields = {"email": EMAIL, "password": password}
    token = client.post(LOGIN, fields, extra_environ=environ).json["access_token"]
    return client.with_token(token)


class Meanwhile:
    """A hasher in whose verification something else happens, once."""

    def __init__(self, registry, monkeypatch, happens):
        self._passwords = registry.passwords
        self._happens = happens
        monkeypatch.setattr(registry, "passwords", self)

    def __getattr__(self, name):
        return getattr(self._passwords, name)

    def verify(self, *args):
        matches = self._passwords.verify(*args)
        happens, self._happens = self._happens, lambda: None
        happens()
        return matches


def test_it_lists_live_sessions_the_current_one_first(client):
    with time_machine.travel(NOW, tick=False):
        client.sign_up(EMAIL)
        first = log_in_from(client, "192.0.2.1", "first")
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        second = log_in_from(client, "2001:db8::1", "second")
    with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
        log_in_from(client, "192.0.2.3", "gone").post("/api/v1/auth/logout")
        answer = first.get(SESSIONS)
        assert agents(second)[0] == "second"
    assert answer.json["total_items"] == len(answer.json["sessions"]) == 3
    current, newest = answer.json["sessions"][:2]
    assert current.pop("id") != newest.pop("id")
    assert current == {
        "issued_at": "2026-11-24T12:00:00+00:00",
        "expires_at": "2026-11-24T13:00:00+00:00",
        "address": "192.0.2.1",
        "user_agent": "first",
        "current": True,
    }
    assert newest["address"] == "2001:db8::1"
    assert [each["current"] for each in answer.json["sessions"]] == [True, False, False]
    assert answer.headers["Cache-Control"] == "no-store"
    with time_machine.travel(NOW + timedelta(minutes=61), tick=False):
        assert agents(log_in_from(client, "", "later")) == ["later"]


def test_it_lists_only_the_sessions_of_whoever_asks(user, admin):
    assert admin.get(SESSIONS).json["total_items"] == 1
    with statements(user.registry) as sent:
        assert user.get(SESSIONS).json["total_items"] == 1
    assert len(sent) == 2


def test_it_lists_a_hundred_sessions_and_says_how_many_there_are(user, session):
    owner = session.scalar(select(User.id).where(User.email == EMAIL))
    session.execute(
        insert(IssuedToken),
        [
            {
                "jti": str(uuid.uuid4()),
                "user_id": owner,
                "issued_at": datetime.now(UTC) + timedelta(seconds=number),
                "expires_at": datetime.now(UTC) + timedelta(days=1),
                "address": "",
                "user_agent": "",
            }
            for number in range(120)
        ],
    )
    session.commit()
    listed = user.get(SESSIONS).json
    assert (len(listed["sessions"]), listed["total_items"]) == (100, 121)
    assert listed["sessions"][0]["current"]


def test_it_lists_nothing_for_a_token_that_is_not_on_record(user, session, forge):
    session.execute(IssuedToken.__table__.delete())
    session.commit()
    assert user.get(SESSIONS).json == {"total_items": 0, "sessions": []}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("x" * 300, "x" * 255),
        ("a\0b\tc\x85d", "a?b?c?d"),
        ("caf\xe9", "caf\xe9"),
        ("", ""),
    ],
)
def test_it_keeps_of_a_user_agent_what_every_database_takes(client, sent, kept):
    client.sign_up(EMAIL)
    assert agents(log_in_from(client, "", sent))[0] == kept


def test_it_does_not_believe_where_a_client_says_that_it_is(client):
    client.sign_up(EMAIL)
    environ = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"}
    fields = {"email": EMAIL, "password": PASSWORD}
    token = client.post(LOGIN, fields, extra_environ=environ).json["access_token"]
    assert client.with_token(token).get(SESSIONS).json["sessions"][0]["address"] == "192.0.2.1"


def test_it_keeps_no_token_on_record(user, session):
    for row in session.execute(select(IssuedToken.__table__)):
        assert not any(part in repr(row) for part in user.account.token.split("."))


def test_it_logs_out_everywhere_but_here(user, admin):
    others = [user.log_in(EMAIL) for _ in range(3)]
    others[0].post("/api/v1/auth/logout")
    answer = user.delete(SESSIONS)
    assert answer.json == {
        "status": "success",
        "message": "successfully logged out everywhere else",
    }
    for other in others:
        assert other.get(USER, status=401).json == BLACKLISTED
        assert other.delete("/api/v1/widgets/any", status=401).json == BLACKLISTED
    assert user.get(SESSIONS).json["total_items"] == 1
    assert admin.get(USER).status_int == 200
    # Once more, with nothing left to end; and a new login is as good as ever.
    user.delete(SESSIONS)
    assert user.log_in(EMAIL).get(USER).status_int == 200


def test_it_logs_out_everywhere_in_one_statement_however_many_there_are(user):
    def cost():
        with statements(user.registry) as sent:
            user.delete(SESSIONS)
        return len(sent)

    few = cost()
    for _ in range(5):
        user.log_in(EMAIL)
    # Who asks, the lock, who asks still, the blacklist.
    assert few == cost() == 4


def test_it_lets_one_of_two_that_log_each_other_out_live(user, app, at_once):
    clients = [user, *(user.log_in(EMAIL) for _ in range(5))]
    answers = at_once(*(lambda each=each: each.delete(SESSIONS, status="*") for each in clients))
    assert sorted(answer.status_int for answer in answers) == [200, 401, 401, 401, 401, 401]
    alive = [each.get(USER, status="*").status_int for each in clients]
    assert alive == [answer.status_int for answer in answers]


def test_it_changes_the_password_and_ends_the_other_sessions(user, send):
    other = user.log_in(EMAIL)
    answer = change(user)
    assert answer.json == {"status": "success", "message": "successfully changed the password"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert user.get(USER).status_int == 200
    assert other.get(USER, status=401).json == BLACKLISTED
    user.post(LOGIN, {"email": EMAIL, "password": PASSWORD}, status=401)
    assert user.log_in(EMAIL, NEW).get(USER).status_int == 200


def test_it_refuses_to_change_a_password_without_the_current_one(user, hashing):
    other = user.log_in(EMAIL)
    hashing.clear()
    assert change(user, current="wrong", status=400).json == NOT_CURRENT
    assert hashing == ["verify"]
    assert other.get(USER).status_int == 200
    user.log_in(EMAIL)


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, {"current_password", "new_password"}),
        ({"current_password": PASSWORD}, {"new_password"}),
        ({"current_password": PASSWORD, "new_password": ""}, {"new_password"}),
        (
            {"current_password": "", "new_password": "x" * 1025},
            {"current_password", "new_password"},
        ),
        ({"current_password": PASSWORD, "new_password": "a\0b"}, {"new_password"}),
    ],
)
def test_it_validates_before_it_verifies(user, hashing, fields, errors):
    hashing.clear()
    assert user.put(CHANGE, fields, status=400).json["errors"].keys() == errors
    assert hashing == []


def test_it_takes_new_passwords_that_the_operator_wants(make_app):
    make_app().sign_up(EMAIL, "1234567")
    user = make_app({"auth.password_min_length": "8"}).log_in(EMAIL, "1234567")
    answer = change(user, "1234567", "7654321", 400)
    assert answer.json["errors"] == {"new_password": "The password must have at least 8 characters"}
    change(user, "1234567", "87654321")


def test_it_hashes_a_change_outside_of_any_transaction(user, monkeypatch):
    engine = user.registry.database.write_engine
    passwords = user.registry.passwords
    busy = []

    class Watched:
        def __getattr__(self, name):
            busy.append((name, engine.pool.checkedout()))
            return getattr(passwords, name)

    monkeypatch.setattr(user.registry, "passwords", Watched())
    change(user)
    assert busy == [("verify", 0), ("hash", 0)]


def test_it_gives_no_token_for_a_password_that_was_changed_while_it_was_verified(user, monkeypatch):
    Meanwhile(user.registry, monkeypatch, lambda: change(user))
    answer = user.post(LOGIN, {"email": EMAIL, "password": PASSWORD}, status=401)
    assert answer.json == {"status": "fail", "message": "email or password does not match"}
    assert "WWW-Authenticate" in answer.headers
    assert user.get(SESSIONS).json["total_items"] == 1


def test_it_gives_no_token_to_an_account_that_was_disabled_meanwhile(user, monkeypatch):
    Meanwhile(user.registry, monkeypatch, lambda: run(user.registry, "disable", email=EMAIL))
    user.post(LOGIN, {"email": EMAIL, "password": PASSWORD}, status=401)


def test_it_gives_tokens_to_two_logins_that_upgrade_one_hash(user, session, monkeypatch):
    session.execute(update(User).values(password_version=7))
    session.commit()
    Meanwhile(user.registry, monkeypatch, lambda: user.log_in(EMAIL))
    assert user.log_in(EMAIL).get(USER).status_int == 200


def test_it_changes_no_password_for_a_token_that_was_logged_out_meanwhile(user, monkeypatch):
    owner = user.log_in(EMAIL)
    Meanwhile(user.registry, monkeypatch, lambda: owner.delete(SESSIONS))
    assert change(user, status=401).json == BLACKLISTED
    assert owner.log_in(EMAIL).get(USER).status_int == 200


def test_it_changes_no_password_of_an_account_that_was_disabled_meanwhile(user, monkeypatch):
    Meanwhile(user.registry, monkeypatch, lambda: run(user.registry, "disable", email=EMAIL))
    assert change(user, status=401).json == {"message": "Invalid token. Please log in again."}


def test_it_changes_a_password_once_of_two_changes_with_one_token(user, app, monkeypatch):
    same = Client(app, user.account)
    Meanwhile(user.registry, monkeypatch, lambda: change(same, new="the first one"))
    assert change(user, status=400).json == NOT_CURRENT
    assert user.log_in(EMAIL, "the first one").get(USER).status_int == 200


def test_it_answers_a_change_for_an_account_whose_address_changed_meanwhile(user, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(accounts, "find_login", lambda _rows, _email: None)
        assert change(user, status=400).json == NOT_CURRENT


def test_it_waits_on_postgresql_for_a_change_that_is_not_committed_yet(user, at_once):
    """Sixteen of each, over and over: no token of the old password outlives its change."""
    password = PASSWORD
    for number in range(4):
        new = f"password number {number}"

        def log_in(password=password):
            return user.post(LOGIN, {"email": EMAIL, "password": password}, status="*")

        answers = at_once(lambda new=new, old=password: change(user, old, new), *[log_in] * 5)
        assert answers[0].status_int == 200
        for answer in answers[1:]:
            if answer.status_int == 200:
                token = answer.json["access_token"]
                assert user.with_token(token).get(USER, status=401).json == BLACKLISTED
            else:
                assert answer.status_int == 401
        password = new


def test_it_forgets_sessions_that_have_expired_as_users_log_in(make_app):
    client = make_app({"auth.purge_batch": "2"})
    past = datetime.now(UTC) - timedelta(hours=2)
    with time_machine.travel(past, tick=False):
        client.sign_up(EMAIL)
        for _ in range(4):
            client.log_in(EMAIL)
    with Session(client.registry.database.write_engine) as session:
        left = []
        for _ in range(4):
            client.log_in(EMAIL)
            left.append(session.scalar(select(func.count()).select_from(IssuedToken)))
            session.rollback()
    # Two go and one comes, of the five; in the end there are only those that live.
    assert left == [4, 3, 3, 4]


def test_it_records_nothing_for_a_password_that_was_replaced(session):
    user = accounts.register(session, EMAIL, "a hash")
    now = int(time.time())
    origin = Origin("", "")
    claims = Claims(user.public_id, str(uuid.uuid4()), now, now + 60)
    assert not sessions.record(session, claims, origin, version=1)
    assert sessions.record(session, claims, origin, version=0)


@pytest.mark.parametrize("command", ["disable", "log-out"])
def test_an_operator_waits_for_a_login_that_is_not_committed_yet(user, session, command):
    now = int(time.time())
    claims = Claims(user.account.public_id, str(uuid.uuid4()), now, now + 60)
    assert sessions.record(session, claims, Origin("", ""), version=0)
    ending = threading.Thread(target=run, args=(user.registry, command), kwargs={"email": EMAIL})
    ending.start()
    ending.join(timeout=0.5)
    session.commit()
    ending.join(timeout=PATIENCE)
    assert session.get(BlacklistedToken, claims.jti) is not None
