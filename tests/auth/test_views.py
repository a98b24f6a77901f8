"""Registration, login, the account and logout over HTTP."""

import sqlite3
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, insert, select, update

from widget_service.auth.models import BlacklistedToken, User
from widget_service.testing import PASSWORD, Client, run, statements

REGISTER = "/api/v1/auth/register"
LOGIN = "/api/v1/auth/login"
USER = "/api/v1/auth/user"
LOGOUT = "/api/v1/auth/logout"
EMAIL = "user@example.com"
REALM = 'Bearer realm="registered_users@mydomain.com"'
MISSING = "Missing required parameter in the post body"
BLACKLISTED = "Token blacklisted. Please log in again."


def fields(email=EMAIL, password=PASSWORD):
    return {"email": email, "password": password}


def one(client, statement):
    """The only value that a statement answers, as it is committed."""
    with client.registry.database.read_engine.connect() as connection:
        return connection.execute(statement).scalar_one()


def write(client, statement):
    with client.registry.database.write_engine.begin() as connection:
        connection.execute(statement)


def assert_kept_out_of_caches(answer):
    assert answer.headers.getall("Cache-Control") == ["no-store"]
    assert answer.headers.getall("Pragma") == ["no-cache"]


def assert_blacklisted(answer):
    assert answer.json == {"message": BLACKLISTED}
    assert answer.headers["WWW-Authenticate"] == (
        f'{REALM}, error="invalid_token", error_description="{BLACKLISTED}"'
    )


def test_it_registers_and_answers_with_a_token_that_counts(client, send):
    answer = send(client, REGISTER, fields("User@Example.com"), 201)
    token = answer.json["access_token"]
    assert answer.json == {
        "status": "success",
        "message": "successfully registered",
        "access_token": token,
        "token_type": "bearer",
        "expires_in": 3600,
    }
    assert_kept_out_of_caches(answer)
    account = client.with_token(token).get(USER).json
    assert account["email"] == "User@Example.com"
    assert account["admin"] is False


def test_it_logs_in_and_answers_with_a_token_that_counts(client, send):
    client.post(REGISTER, fields())
    answer = send(client, LOGIN, fields(), 200)
    token = answer.json["access_token"]
    assert answer.json == {
        "status": "success",
        "message": "successfully logged in",
        "access_token": token,
        "token_type": "bearer",
        "expires_in": 3600,
    }
    assert_kept_out_of_caches(answer)
    assert client.with_token(token).get(USER).json["email"] == EMAIL


@pytest.mark.parametrize("path", [REGISTER, LOGIN])
def test_it_reads_neither_the_query_nor_fields_it_does_not_know(client, path):
    client.post(REGISTER, fields("other@example.com"))
    query = f"{path}?email=other@example.com&password=x"
    assert client.post(query, status=400).json["errors"] == {"email": MISSING, "password": MISSING}
    more = {**fields("new@example.com"), "admin": "true", "public_id": "1", "id": "1"}
    client.post(REGISTER, more, status=201)
    assert one(client, select(User.admin).where(User.email == "new@example.com")) is False


def test_it_ignores_a_token_where_none_is_needed(client):
    stale = client.with_token("stale")
    assert stale.post(REGISTER, fields()).status_int == 201
    assert stale.post(LOGIN, fields()).status_int == 200


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (EMAIL, EMAIL),
        (EMAIL, "USER@example.com"),
        (EMAIL, "User@EXAMPLE.Com"),
        ("\xfcser@example.com", "\xdcSER@example.com"),
        ("user@b\xfccher.de", "user@B\xdcCHER.de"),
        ("user@b\xfccher.de", "user@xn--bcher-kva.de"),
        ("e\u0301@example.com", "\xe9@example.com"),
        ("stra\xdfe@example.com", "STRASSE@example.com"),
    ],
)
def test_it_refuses_an_address_that_is_registered_in_any_case(client, first, second):
    client.post_json(REGISTER, fields(first), status=201)
    answer = client.post_json(REGISTER, fields(second), status=409)
    assert answer.json == {"status": "fail", "message": f"{second} is already registered"}
    assert_kept_out_of_caches(answer)
    assert client.post_json(LOGIN, fields(second), status=200)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("user@fa\xdf.de", "user@fass.de"),
        ("user@example.com", "user@example.org"),
        ("us.er@example.com", "user@example.com"),
        ("user@example.com", "user+tag@example.com"),
    ],
)
def test_it_keeps_addresses_apart_that_are_not_the_same(client, first, second):
    client.post_json(REGISTER, fields(first), status=201)
    client.post_json(REGISTER, fields(second), status=201)


def test_it_validates_before_it_says_that_an_address_is_registered(user):
    answer = user.post(REGISTER, fields(password=""), status=400)
    assert answer.json["errors"] == {"password": "The password must not be empty"}


@pytest.mark.parametrize("unit", ["x", "\xe9", "\u20ac"])
def test_it_takes_a_password_of_1024_bytes_and_no_longer_one(client, unit):
    longest = (unit * 1024).encode("utf-8")[: 1024 // len(unit.encode()) * len(unit.encode())]
    longest = longest.decode("utf-8") + "x" * (1024 - len(longest))
    client.post_json(REGISTER, fields(password=longest), status=201)
    client.post_json(LOGIN, fields(password=longest), status=200)
    client.post_json(LOGIN, fields(password=longest[:-1] + "y"), status=401)
    for path in (REGISTER, LOGIN):
        answer = client.post_json(path, fields(password=longest + "x"), status=400)
        assert answer.json["errors"] == {"password": "The password is longer than 1024 bytes"}


def test_it_refuses_every_wrong_login_with_the_same_answer_and_the_same_work(client, hashing):
    client.post(REGISTER, fields())
    client.post(REGISTER, fields("disabled@example.com"))
    run(client.registry, "disable", email="disabled@example.com")
    attempts = {
        "unknown": fields("unknown@example.com"),
        "wrong password": fields(password="wrong"),
        "disabled": fields("disabled@example.com"),
        "disabled, wrong password": fields("disabled@example.com", "wrong"),
    }
    answers, work = {}, {}
    for name, attempt in attempts.items():
        hashing.clear()
        answer = client.post(LOGIN, attempt, status=401)
        answers[name] = (answer.status, answer.body, sorted(answer.headers.items()))
        work[name] = list(hashing)
    assert set(map(repr, work.values())) == {"['verify']"}
    assert len(set(map(repr, answers.values()))) == 1
    assert answer.json == {"status": "fail", "message": "email or password does not match"}
    assert answer.headers.getall("WWW-Authenticate") == [REALM]
    assert_kept_out_of_caches(answer)


def test_it_does_the_same_work_after_the_parameters_of_hashes_changed(make_app, hashing):
    old = make_app()
    old.post(REGISTER, fields())
    old.post(REGISTER, fields("disabled@example.com"))
    run(old.registry, "disable", email="disabled@example.com")
    new = make_app({"passlib.argon2__memory_cost": "16"})
    for attempt in (
        fields("unknown@example.com"),
        fields(password="wrong"),
        fields("disabled@example.com"),
        fields("disabled@example.com", "wrong"),
    ):
        hashing.clear()
        new.post(LOGIN, attempt, status=401)
        assert hashing == ["verify"]


def test_it_upgrades_a_hash_at_the_first_login_after_a_change(own_database, make_app):
    old = make_app(database=own_database)
    old.post(REGISTER, fields())
    before = one(old, select(User.password_hash))
    changed = {"passlib.schemes": "pbkdf2_sha256 argon2", "passlib.pbkdf2_sha256__rounds": "10"}
    new = make_app(changed, database=own_database)
    new.post(LOGIN, fields(password="wrong"), status=401)
    assert one(new, select(User.password_hash)) == before
    new.post(LOGIN, fields())
    after = one(new, select(User.password_hash))
    assert after != before
    assert new.registry.passwords.upgraded(PASSWORD, after) is None
    new.post(LOGIN, fields())
    assert one(new, select(User.password_hash)) == after


@pytest.mark.parametrize("broken", ["", "x", "$2b$12$" + "a" * 53, "$argon2id$v=19$m=8,t=1,p=1$zz"])
def test_it_refuses_a_login_whose_hash_cannot_be_read(client, hashing, broken, caplog):
    client.post(REGISTER, fields())
    write(client, update(User).values(password_hash=broken))
    hashing.clear()
    client.post(LOGIN, fields(), status=401)
    assert hashing[-1] == "verify"
    assert "password hash cannot be verified" in caplog.text


def test_it_hashes_outside_of_any_transaction(client, monkeypatch):
    engine = client.registry.database.write_engine
    passwords = client.registry.passwords
    open_meanwhile = []

    class Watched:
        def __getattr__(self, name):
            open_meanwhile.append((name, engine.pool.checkedout()))
            return getattr(passwords, name)

    monkeypatch.setattr(client.registry, "passwords", Watched())
    client.post(REGISTER, fields(), status=201)
    client.post(LOGIN, fields(), status=200)
    client.post(LOGIN, fields("unknown@example.com"), status=401)
    assert open_meanwhile == [("hash", 0), ("verify", 0), ("upgraded", 0), ("verify", 0)]


def test_it_shows_the_account_and_nothing_secret(client):
    with time_machine.travel(datetime(2026, 11, 24, 15, 4, 5, 700000, UTC), tick=False):
        user = client.sign_up(EMAIL)
        answer = user.get(USER)
    assert answer.json == {
        "email": EMAIL,
        "public_id": user.account.public_id,
        "admin": False,
        "registered_on": "11/24/26 03:04:05 PM UTC",
        "registered_on_iso8601": "2026-11-24T15:04:05+00:00",
        "token_expires_in": "01:00:00",
        "token_expires_at": "2026-11-24T16:04:05+00:00",
    }
    assert_kept_out_of_caches(answer)


def test_it_shows_times_in_the_time_zone_of_the_settings(make_app):
    client = make_app({"rest.time_zone": "Europe/Zurich"})
    with time_machine.travel(datetime(2026, 11, 24, 23, 30, 0, tzinfo=UTC), tick=False):
        shown = client.sign_up(EMAIL).get(USER).json
    assert shown["registered_on"] == "11/25/26 12:30:00 AM CET"
    assert shown["registered_on_iso8601"] == "2026-11-25T00:30:00+01:00"
    assert shown["token_expires_at"] == "2026-11-25T01:30:00+01:00"


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (1, "00:00:01"),
        (900, "00:15:00"),
        (86_399, "23:59:59"),
        (86_400, "1 day, 00:00:00"),
        (86_400 + 3_661, "1 day, 01:01:01"),
        (2 * 86_400 - 1, "1 day, 23:59:59"),
        (2 * 86_400, "2 days, 00:00:00"),
        (400 * 86_400 + 5, "400 days, 00:00:05"),
    ],
)
def test_it_shows_what_is_left_of_the_token(user, forge, left, shown):
    with time_machine.travel(int(time.time()) + 0.9, tick=False):
        claims = forge.claims(user.account.public_id, exp=int(time.time()) + left)
        answer = user.with_token(forge.sign(claims)).get(USER)
    assert answer.json["token_expires_in"] == shown


def test_it_answers_with_the_lifetime_of_the_settings(make_app):
    with time_machine.travel(time.time(), tick=False):
        client = make_app({"jwt.expiration": "172801"})
        assert client.post(REGISTER, fields()).json["expires_in"] == 172_801
        shown = client.log_in(EMAIL).get(USER).json["token_expires_in"]
    assert shown == "2 days, 00:00:01"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff\0", "text/plain; charset=nonsense"),
        (b"x", "multipart/form-data"),
        (b"password=%ff", "application/x-www-form-urlencoded"),
    ],
)
def test_it_logs_out_whatever_the_body_says(user, body, kind):
    answer = user.post(LOGOUT, body, headers={"Content-Type": kind})
    assert answer.status_int == 200
    assert answer.json == {"status": "success", "message": "successfully logged out"}


def test_it_logs_out_one_token_at_once_and_leaves_the_others(user, app):
    other = user.log_in(EMAIL)
    user.post(LOGOUT)
    assert_blacklisted(user.get(USER, status=401))
    assert_blacklisted(user.post(LOGOUT, status=401))
    assert_blacklisted(Client(app, user.account).get("/api/v1/widgets", status=401))
    assert other.get(USER).status_int == 200


@pytest.mark.parametrize("junk", ["=", "==", "~", "~~~~", "++"])
def test_it_kills_a_token_in_every_spelling(user, junk):
    token = user.account.token
    user.post(LOGOUT)
    assert_blacklisted(user.with_token(token).get(USER, status=401))
    answer = user.with_token(token + junk).get(USER, status=401)
    assert answer.json["message"] in (BLACKLISTED, "Invalid token. Please log in again.")
    assert_blacklisted(user.with_token(f"{token}=").get(USER, status=401))


def test_it_refuses_to_log_out_by_another_spelling(user):
    user.with_token(f"{user.account.token}=").post(LOGOUT, status=401)
    assert user.get(USER).status_int == 200


def test_it_keeps_of_a_token_that_is_logged_out_only_its_id(user):
    user.post(LOGOUT)
    with user.registry.database.read_engine.connect() as connection:
        (row,) = connection.execute(select(BlacklistedToken.__table__)).mappings()
    assert set(row) == {"jti", "expires_at", "blacklisted_on"}
    assert len(row["jti"]) == 36
    assert row["jti"] not in user.account.token
    assert row["expires_at"] > row["blacklisted_on"]


def test_it_cleans_the_blacklist_as_tokens_are_logged_out(make_app):
    client = make_app({"auth.purge_batch": "2"})
    rows = select(func.count()).select_from(BlacklistedToken)
    past = datetime.now(UTC) - timedelta(hours=1)
    write(
        client,
        insert(BlacklistedToken).values(
            [{"jti": str(n), "expires_at": past, "blacklisted_on": past} for n in range(5)]
        ),
    )
    user = client.sign_up(EMAIL)
    for left in (4, 3, 3, 4):
        user.log_in(EMAIL).post(LOGOUT)
        # Two go, one comes; in the end there are only those of tokens still alive.
        assert one(client, rows) == left


def test_it_does_not_claim_a_logout_that_could_not_be_stored(make_app, tmp_path):
    user = make_app({"database.lock_timeout": "1"}).sign_up(EMAIL)
    other = user.log_in(EMAIL)
    writer = sqlite3.connect(tmp_path / "own.sqlite", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    answer = user.post(LOGOUT, status=503)
    assert answer.headers["Retry-After"]
    # Reading does not wait for a writer, and no token is given away that is not on record.
    assert other.get(USER).status_int == 200
    assert "access_token" not in user.post(LOGIN, fields(), status=503).json
    writer.close()
    assert user.get(USER).status_int == 200
    assert user.post(LOGOUT).status_int == 200


@pytest.mark.parametrize(
    ("method", "path", "sent", "most"),
    [
        # The address looked up, the account and the session written, and which have expired.
        ("post", REGISTER, fields("new@example.com"), 4),
        ("post", LOGIN, fields(), 3),
        ("get", USER, {}, 1),
        # Who asks, the blacklist row, and which rows have expired.
        ("post", LOGOUT, {}, 3),
    ],
)
def test_it_sends_few_statements(user, method, path, sent, most):
    with statements(user.registry) as seen:
        getattr(user, method)(path, sent)
    assert len(seen) == most
