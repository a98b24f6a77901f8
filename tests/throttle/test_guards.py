"""Who is refused, when, for how long, and who is not."""

import logging
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from core import serving

from widget_service.emails import email_key
from widget_service.testing import PASSWORD
from widget_service.throttle import guards

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OWNER = "owner@example.com"
BOOKS = "b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example"
HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def login(client, email=OWNER, password=PASSWORD, address=HERE, **options):
    """The answer to a login from an address."""
    return client.post(
        LOGIN,
        {"email": email, "password": password},
        extra_environ={"REMOTE_ADDR": address},
        expect_errors=True,
        **options,
    )


def statuses(client, count, **options):
    return [login(client, **options).status_int for _ in range(count)]


@pytest.fixture
def refusals(caplog):
    """The refusals in the audit lines since somebody asked last: limit, who and from where."""
    caplog.set_level(logging.INFO, "widget_service.audit")

    def read():
        lines = [each for each in caplog.records if getattr(each, "outcome", None) == "refused"]
        caplog.clear()
        return [(each.reason, each.who, each.origin) for each in lines]

    return read


def sign_up(client, email=OWNER):
    return client.post(REGISTER, {"email": email, "password": PASSWORD}).json["access_token"]


def widget(client, name):
    fields = {"name": name, "info_url": "https://example.com", "deadline": "12/31/2099"}
    return client.post("/api/v1/widgets", fields, expect_errors=True)


def test_it_refuses_in_the_bare_shape_and_says_when_to_come_back(serve, clock):
    client = serve(login_address="2/minute")
    assert statuses(client, 2) == [401, 401]
    clock.shift(20)
    refused = login(client, headers={"Origin": "https://app.example.com"})
    assert refused.status_int == 429
    assert refused.json == {"message": "Too many requests. Please try again in 40 second(s)."}
    headers = refused.headers
    assert headers["Retry-After"] == "40"
    assert headers["RateLimit-Policy"] == '"login-address-60s";q=2;w=60'
    assert headers["RateLimit"] == '"login-address-60s";r=0;t=40'
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cache-Control"] == "no-store"
    # Nobody lengthens the window by asking on.
    assert statuses(client, 3) == [429, 429, 429]
    clock.shift(40)
    assert statuses(client, 3) == [401, 401, 429]


def test_it_tells_how_much_is_left(serve, clock):
    client = serve(login_address="3/minute; 100/hour")
    answer = login(client)
    assert answer.status_int == 401
    policy = '"login-address-60s";q=3;w=60, "login-address-3600s";q=100;w=3600'
    assert answer.headers["RateLimit-Policy"] == policy
    left = '"login-address-60s";r=2;t=60, "login-address-3600s";r=99;t=3600'
    assert answer.headers["RateLimit"] == left


def test_it_refuses_by_the_strictest_of_several_rates(serve, clock):
    client = serve(login_address="2/minute; 3/hour")
    assert statuses(client, 3) == [401, 401, 429]
    clock.shift(60)
    # What the minute refused the hour did not count.
    assert statuses(client, 2) == [401, 429]
    assert login(client).headers["Retry-After"] == str(3600 - 60)


def test_it_does_not_hold_guesses_against_the_owner(serve, clock):
    client = serve(login_account_address="3/minute", login_account="100/hour")
    sign_up(client)
    assert statuses(client, 5, password="guess") == [401, 401, 401, 429, 429]
    # Not even the right one from there, which would tell that it is right.
    assert login(client).status_int == 429
    assert login(client, address=THERE).status_int == 200
    # Other accounts are nobody's there yet.
    assert login(client, "other@example.com").status_int == 401


def test_it_begins_anew_after_a_right_password(serve, clock):
    client = serve(login_account_address="3/minute", login_account="100/hour")
    sign_up(client)
    for _ in range(4):
        assert statuses(client, 2, password="guess") == [401, 401]
        assert login(client).status_int == 200


def test_it_refuses_everybody_for_an_account_that_all_the_world_guesses_at(serve, clock):
    client = serve(login_account_address="1/minute", login_account="5/hour")
    sign_up(client)
    world = [f"203.0.113.{number}" for number in range(20)]
    guesses = [login(client, password="guess", address=each).status_int for each in world]
    assert guesses == [401] * 5 + [429] * 15
    clock.shift(3000)
    refused = login(client, address=THERE)
    assert (refused.status_int, refused.headers["Retry-After"]) == (429, "600")
    # They guess on, all the while, and it helps them nothing.
    clock.shift(599)
    for each in world:
        login(client, password="guess", address=each)
    clock.shift(1)
    assert login(client, address=THERE).status_int == 200


def test_it_lets_the_owner_in_often(serve, clock):
    client = serve(login_account_address="2/minute", login_account="2/hour")
    sign_up(client)
    assert statuses(client, 6) == [200] * 6


def test_it_is_not_lengthened_by_the_owner_either(serve, clock):
    client = serve(login_account_address="2/day", login_account="1/hour")
    sign_up(client)
    assert login(client, password="guess", address=THERE).status_int == 401
    # Refused for the account: that is no guess from here.
    assert statuses(client, 4) == [429] * 4
    clock.shift(3600)
    assert login(client).status_int == 200


def test_it_counts_what_does_not_exist_alike(serve, clock):
    client = serve(login_account_address="2/minute")
    sign_up(client)
    real = [login(client, password="guess") for _ in range(3)]
    unreal = [login(client, "nobody@example.com") for _ in range(3)]
    same = [[(a.status, a.body, a.headerlist) for a in answers] for answers in (real, unreal)]
    assert same[0] == same[1]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"email": ["x"], "password": "x"}', "application/json", 400),
        ('{"email": "owner@example.com"}', "application/json", 400),
        ('{"email": "nobody", "password": "x"}', "application/json", 400),
        (f'{{"email": "{"x" * 300}@example.com", "password": "x"}}', "application/json", 400),
        ("x", "text/plain", 415),
        ("x" * 70_000, "application/json", 413),
    ],
)
def test_it_counts_as_a_guess_only_what_is_one(serve, clock, body, content_type, status):
    client = serve(login_account_address="1/minute", login_account="1/minute")
    sign_up(client)
    for _ in range(3):
        client.post(LOGIN, body, {"Content-Type": content_type}, status=status)
    assert login(client).status_int == 200


def test_it_gives_back_what_failed_for_other_reasons(serve, clock, monkeypatch):
    client = serve(login_account_address="1/minute", login_account="1/minute")
    sign_up(client)
    verify = client.registry.passwords.verify
    monkeypatch.setattr(client.registry.passwords, "verify", lambda *_: 1 / 0)
    assert statuses(client, 3) == [500] * 3
    monkeypatch.setattr(client.registry.passwords, "verify", verify)
    assert login(client).status_int == 200


def test_it_lets_no_more_guesses_in_at_once_than_one_after_another(serve, monkeypatch):
    client = serve(login_account_address="3/hour")
    sign_up(client)
    # Everybody who gets that far waits for the others, so none has failed when the last one asks.
    arrived = threading.Barrier(3)
    monkeypatch.setattr(client.registry.passwords, "verify", lambda *_: bool(arrived.wait(60) < 0))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(login(client).status_int)) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [401] * 3 + [429] * 9


@pytest.mark.parametrize(
    ("spelling", "is_same"),
    [
        ("OWNER@example.com", True),
        ("owner@EXAMPLE.com", True),
        ("owner@example.org", False),
        ("owne\N{COMBINING DIAERESIS}r@example.com", False),
        ("own\N{LATIN SMALL LETTER E WITH DIAERESIS}r@example.com", False),
        (f"owner@{BOOKS}", False),
        ("owner@xn--bcher-kva.example", False),
        ("stra\N{LATIN SMALL LETTER SHARP S}e@example.com", False),
        ("STRASSE@example.com", False),
    ],
)
def test_it_takes_for_one_account_what_is_one(serve, spelling, is_same):
    registry = serve().registry

    def account(email):
        body = f"email={email}".encode()
        return guards.account_of(
            SimpleNamespace(
                registry=registry,
                body=body,
                content_length=len(body),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
        )

    assert (account(spelling) == account(OWNER)) is is_same
    for other in (OWNER, f"owner@{BOOKS}", "own\u00ebr@example.com", "strasse@example.com"):
        assert (account(spelling) == account(other)) == (email_key(spelling) == email_key(other))
    # Whoever reads Redis reads no addresses.
    assert "owner" not in account(spelling)


@pytest.mark.parametrize(
    ("address", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:0:0:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
        ("a socket", "another socket", False),
    ],
)
def test_it_knows_addresses(address, other, is_same):
    one, two = (guards.client_address(SimpleNamespace(remote_addr=a)) for a in (address, other))
    assert (one == two) is is_same


def test_it_does_not_believe_what_clients_say_of_their_address(serve, clock):
    client = serve(login_address="1/minute")
    found = [
        login(client, headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_int
        for number in range(3)
    ]
    assert found == [401, 429, 429]


def test_it_limits_registrations_by_address(serve, clock):
    client = serve(register_address="2/hour")

    def register(number, address=HERE):
        fields = {"email": f"user{number}@example.com", "password": PASSWORD}
        environ = {"REMOTE_ADDR": address}
        return client.post(REGISTER, fields, extra_environ=environ, expect_errors=True).status_int

    assert [register(1), register(1), register(2)] == [201, 409, 429]
    assert register(2, THERE) == 201
    clock.shift(timedelta(hours=1))
    assert register(3) == 201


def test_it_limits_what_a_user_writes_and_not_what_they_read(serve, clock):
    client = serve(write_user="2/minute")
    user = client.with_token(sign_up(client))
    other = client.with_token(sign_up(client, "other@example.com"))
    # After the permission check, and so in the order that refusals have.
    assert [widget(user, "a").status_int for _ in range(3)] == [403, 403, 403]
    assert "RateLimit" not in widget(user, "a").headers
    for _ in range(5):
        assert user.get("/api/v1/widgets").status_int == 200
    admin = client.sign_up("admin@example.com", admin=True)
    assert [widget(admin, name).status_int for name in "abc"] == [201, 201, 429]
    assert widget(admin, "c").headers["RateLimit"] == '"write-user-60s";r=0;t=60'
    assert admin.get("/api/v1/widgets").json["total_items"] == 2
    # Nothing is known of strangers, who are refused as ever.
    assert widget(client, "c").status_int == 401
    assert other.post("/api/v1/auth/logout").headers["RateLimit"] == '"write-user-60s";r=1;t=60'
    clock.shift(60)
    assert widget(admin, "c").status_int == 201


def test_it_limits_guesses_with_a_token(serve, clock):
    client = serve(login_account_address="2/hour")
    user = client.with_token(sign_up(client))

    def change(current):
        fields = {"current_password": current, "new_password": PASSWORD}
        return user.put("/api/v1/auth/password", fields, expect_errors=True).status_int

    assert [change("guess"), change(PASSWORD)] == [400, 200]
    user = client.log_in(OWNER)
    assert [change("guess"), change("guess"), change(PASSWORD)] == [400, 400, 429]
    clock.shift(3600)
    user = client.log_in(OWNER)
    assert change(PASSWORD) == 200


def test_it_counts_as_a_guess_with_a_token_only_what_is_one(serve, clock, monkeypatch):
    client = serve(login_account_address="1/hour", login_account="1/hour")
    user = client.with_token(sign_up(client))
    url = "/api/v1/auth/password"
    fields = {"current_password": PASSWORD, "new_password": PASSWORD}
    verify = client.registry.passwords.verify
    long = {**fields, "current_password": "x" * 2000}
    for body in ({}, {"current_password": "guess"}, {"new_password": "x"}, long):
        user.put_json(url, body, status=400)
    monkeypatch.setattr(client.registry.passwords, "verify", lambda *_: 1 / 0)
    user.put_json(url, fields, status=500)
    monkeypatch.setattr(client.registry.passwords, "verify", verify)
    user.put_json(url, fields, status=200)


def test_the_owner_changes_the_password_while_somebody_guesses_with_a_stolen_token(serve, clock):
    client = serve(login_account_address="1/hour", login_account="10/hour")
    owner = client.with_token(sign_up(client))
    fields = {"current_password": "guess", "new_password": PASSWORD}
    elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    for status in (400, 429):
        owner.put_json("/api/v1/auth/password", fields, status=status, extra_environ=elsewhere)
    owner.put_json("/api/v1/auth/password", {**fields, "current_password": PASSWORD})


def test_it_tells_the_audit_whom_it_refuses_once_in_a_window(serve, clock, refusals):
    client = serve(login_account_address="2/minute", login_account="4/hour")
    assert statuses(client, 5) == [401, 401, 429, 429, 429]
    assert statuses(client, 4, address=THERE) == [401, 401, 429, 429]
    assert statuses(client, 2, email="other@example.com") == [401, 401]
    here = "login-account-address-60s"
    assert refusals() == [(here, OWNER, HERE), (here, OWNER, THERE)]
    clock.shift(60)
    assert statuses(client, 2) == [429, 429]
    assert refusals() == [("login-account-3600s", OWNER, HERE)]
    clock.shift(3600)
    assert statuses(client, 3) == [401, 401, 429]
    assert refusals() == [(here, OWNER, HERE)]


def test_it_tells_the_audit_which_user_it_refuses(serve, clock, refusals):
    client = serve(write_user="1/minute", register_address="1/minute")
    user = client.sign_up(OWNER)
    client.post(REGISTER, {"email": "b@example.com", "password": "x"}, status=429)
    for path, status in (("sessions", 200), ("sessions", 429), ("sessions?again", 429)):
        user.delete(f"/api/v1/auth/{path}", status=status)
    registration, write = refusals()
    assert registration == ("register-address-60s", "b@example.com", "unknown")
    assert write == ("write-user-60s", user.account.public_id, "unknown")


def test_it_tells_the_audit_no_name_that_is_no_address(serve, clock, refusals):
    client = serve(login_address="1/minute")
    client.post(LOGIN, {"email": PASSWORD, "password": "x"}, status=400)
    client.post(LOGIN, {"email": PASSWORD, "password": "x"}, status=429)
    assert refusals() == [("login-address-60s", "nobody", "unknown")]


def test_it_knows_no_users_where_nobody_says_who_is_who(tmp_path):
    limits = {"throttle__write_user": "1/minute"}
    with serving(tmp_path, "widget_service.throttle", "plugins.echo", **limits) as testapp:
        for _ in range(3):
            assert "RateLimit" not in testapp.post("/api/v1/echo").headers


def test_it_lets_everything_pass_where_nothing_is_limited(serve):
    client = serve()
    sign_up(client)
    answer = login(client)
    assert statuses(client, 20, password="guess") == [401] * 20
    assert not [name for name in answer.headers if name.startswith("RateLimit")]


def documented(client):
    """The operations that the documentation has 429 for, in both formats."""
    for document in ("swagger", "openapi"):
        paths = client.get(f"/api/v1/{document}.json").json["paths"]
        yield {
            (method, path)
            for path, item in paths.items()
            for method, operation in item.items()
            if method != "parameters" and "429" in operation["responses"]
        }


def test_it_is_documented_where_it_applies(serve):
    client = serve(login_account="1/minute", register_address="1/minute", write_user="1/minute")
    swagger, openapi = documented(client)
    assert swagger == openapi
    assert {
        ("post", "/auth/login"),
        ("post", "/auth/register"),
        ("post", "/auth/logout"),
        ("put", "/auth/password"),
        ("post", "/widgets"),
        ("put", "/widgets/{name}"),
        ("delete", "/widgets/{name}"),
    } <= swagger
    assert not [each for each in swagger if each[0] == "get"]
    login = client.get("/api/v1/openapi.json").json["paths"]["/auth/login"]["post"]
    assert set(login["responses"]["429"]["headers"]) == {
        "Retry-After",
        "RateLimit",
        "RateLimit-Policy",
    }


@pytest.mark.parametrize("limit", ["login_account_address", "login_account", "write_user"])
def test_it_is_documented_for_each_limit_of_a_change_of_password(serve, limit):
    assert ("put", "/auth/password") in next(documented(serve(**{limit: "1/minute"})))


def test_it_lets_pages_of_other_origins_read_what_is_left(serve):
    exposed = serve().get("/nothing", status=404).headers["Access-Control-Expose-Headers"]
    assert exposed.endswith(", Retry-After, RateLimit, RateLimit-Policy")


def test_it_is_not_documented_where_it_is_off(serve):
    assert list(documented(serve())) == [set(), set()]
    (login_only, _) = documented(serve(login_address="1/minute"))
    assert login_only == {("post", "/auth/login")}
