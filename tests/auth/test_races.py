"""Requests at the same moment: one wins, and nobody sees what is another's."""

import threading
from datetime import UTC, datetime

from processes import PATIENCE
from sqlalchemy import event, func, insert, select

from widget_service.auth.models import BlacklistedToken, User
from widget_service.testing import PASSWORD, Client

REGISTER = "/api/v1/auth/register"
USER = "/api/v1/auth/user"
LOGOUT = "/api/v1/auth/logout"
LOGIN = "/api/v1/auth/login"
EMAIL = "user@example.com"
BLACKLISTED = {"message": "Token blacklisted. Please log in again."}


def fields(email=EMAIL):
    return {"email": email, "password": PASSWORD}


def test_it_lets_exactly_one_of_simultaneous_logouts_succeed(user, app, at_once):
    clients = [Client(app, user.account) for _ in range(6)]
    answers = at_once(*(lambda each=each: each.post(LOGOUT, status="*") for each in clients))
    assert sorted(answer.status_int for answer in answers) == [200, 401, 401, 401, 401, 401]
    for answer in answers:
        if answer.status_int == 401:
            assert answer.json == BLACKLISTED


def test_it_says_blacklisted_to_a_logout_that_another_one_overtook(user):
    engine = user.registry.database.write_engine
    now = datetime.now(UTC)

    def overtake(connection, _cursor, statement, *_rest):
        if "site_user" in statement:
            row = {"jti": jti, "expires_at": now, "blacklisted_on": now}
            connection.execute(insert(BlacklistedToken), row)

    jti = user.registry.codec.read(user.account.token).claims.jti
    event.listen(engine, "after_cursor_execute", overtake)
    try:
        answer = user.post(LOGOUT, status=401)
    finally:
        event.remove(engine, "after_cursor_execute", overtake)
    assert answer.json == BLACKLISTED


def test_it_lets_exactly_one_of_simultaneous_registrations_succeed(client, app, at_once):
    emails = [EMAIL, "USER@example.com", "user@EXAMPLE.com", EMAIL, "User@Example.Com", EMAIL]
    clients = [Client(app) for _ in emails]
    answers = at_once(
        *(
            lambda each=each, email=email: each.post(REGISTER, fields(email), status="*")
            for each, email in zip(clients, emails, strict=True)
        )
    )
    assert sorted(answer.status_int for answer in answers) == [201, 409, 409, 409, 409, 409]
    for answer, email in zip(answers, emails, strict=True):
        if answer.status_int == 409:
            message = f"{email} is already registered"
            assert answer.json == {"status": "fail", "message": message}
    with client.registry.database.read_engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(User)).scalar_one() == 1


def test_it_answers_409_to_a_registration_that_another_one_overtook(client, monkeypatch):
    hasher = client.registry.passwords

    class Slow:
        def hash(self, password):
            monkeypatch.setattr(client.registry, "passwords", hasher)
            client.post(REGISTER, fields("USER@example.com"), status=201)
            return hasher.hash(password)

    monkeypatch.setattr(client.registry, "passwords", Slow())
    answer = client.post(REGISTER, fields(), status=409)
    assert answer.json == {"status": "fail", "message": f"{EMAIL} is already registered"}


def test_it_tells_everybody_only_about_themselves(client, app, at_once):
    users = [client.sign_up(f"user{number}@example.com") for number in range(4)]

    def ask(account):
        own = Client(app, account)
        return {own.get(USER).json["email"] for _ in range(5)}

    answers = at_once(*(lambda account=user.account: ask(account) for user in users))
    assert answers == [{user.account.email} for user in users]


def test_it_lets_simultaneous_logins_in_whose_hash_is_outdated(own_postgresql, make_app, at_once):
    # On SQLite writers take turns.
    make_app(database=own_postgresql).post(REGISTER, fields())
    # Two hashes at a time, and nobody tries again: a deadlock is answered 503.
    changed = {"passlib.argon2__time_cost": "2", "auth.hash_concurrency": "2"}
    client = make_app({**changed, "retry.attempts": "1"}, own_postgresql)
    both = threading.Barrier(2, timeout=PATIENCE)

    def meet(_connection, _cursor, statement, *_rest):
        if statement.startswith("UPDATE site_user"):
            both.wait()

    event.listen(client.registry.database.write_engine, "before_cursor_execute", meet)
    logins = [lambda: client.post(LOGIN, fields(), status="*").status_int] * 2
    assert at_once(*logins) == [200, 200]
