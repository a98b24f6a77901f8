"""Two applications in one process share nothing."""

from contextlib import closing
from threading import Thread

import pytest

from widget_service.testing import Client, application, ini_text

ORIGINS = ["https://one.example.com", "https://two.example.com"]


@pytest.fixture
def both(tmp_path):
    made = []
    for number, (prefix, sizes) in enumerate([("/api/v1", "1 10"), ("/two", "2 10")]):
        directory = tmp_path / str(number)
        directory.mkdir()
        settings = {
            "cors.origins": ORIGINS[number],
            "rest.prefix": prefix,
            "rest.max_body_size": str(1024 * (number + 1)),
            "paging.per_page_choices": sizes,
            "paging.per_page": sizes.split()[0],
            "jwt.private_key": f"{number}-0123456789abcdef-only-tests-sign-with-it",
            "auth.admin_realm": f"administrators{number}",
        }
        url = f"sqlite:///{directory / 'test.sqlite'}"
        made.append(application(ini_text(url, settings=settings), directory))
    with closing(made[0].registry.database), closing(made[1].registry.database):
        yield made


@pytest.fixture
def one(both):
    return Client(both[0])


@pytest.fixture
def two(both):
    return Client(both[1])


def register(client, prefix):
    fields = {"email": "joe@example.com", "password": "123456"}
    return client.post(f"{prefix}/auth/register", fields, status=201).json["access_token"]


def test_it_keeps_origins_apart(one, two):
    for origin in ORIGINS:
        for number, (client, prefix) in enumerate([(one, "/api/v1"), (two, "/two")]):
            headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
            response = client.options(f"{prefix}/widgets", headers=headers)
            allowed = response.headers.get("Access-Control-Allow-Origin")
            assert allowed == (origin if origin == ORIGINS[number] else None)


def test_it_keeps_prefixes_apart(one, two):
    assert one.get("/two/widgets", status=404).json
    assert two.get("/api/v1/widgets", status=404).json


def test_it_keeps_databases_and_keys_apart(one, two):
    first = register(one, "/api/v1")
    second = register(two, "/two")
    assert one.with_token(first).get("/api/v1/auth/user").json["email"] == "joe@example.com"
    one.with_token(second).get("/api/v1/auth/user", status=401)
    two.with_token(first).get("/two/auth/user", status=401)
    one.with_token(first).post("/api/v1/auth/logout")
    two.with_token(second).get("/two/auth/user")


def test_it_keeps_settings_apart(one, two):
    for stranger, prefix, size, realm in (
        (one, "/api/v1", 1, "administrators0"),
        (two, "/two", 2, "administrators1"),
    ):
        client = stranger.with_token(register(stranger, prefix))
        assert client.get(f"{prefix}/widgets").json["items_per_page"] == size
        client.get(f"{prefix}/widgets?per_page={3 - size}", status=400)
        refusal = client.post(f"{prefix}/widgets", status=403).headers["WWW-Authenticate"]
        assert realm in refusal
        body = {"email": "a" * (1024 * size - 6)}
        client.post(f"{prefix}/auth/login", body, status=400)
        client.post(f"{prefix}/auth/login", {"email": "a" * 1024 * size}, status=413)


def test_it_keeps_them_apart_while_both_are_at_work(one, two):
    clients = [
        (one.with_token(register(one, "/api/v1")), "/api/v1", 1),
        (two.with_token(register(two, "/two")), "/two", 2),
    ]
    wrong = []

    def ask(client, prefix, size):
        for _ in range(20):
            page = client.get(f"{prefix}/widgets").json
            links = [page["links"]["self"], client.get(f"{prefix}/auth/user").json["email"]]
            if links != [f"{prefix}/widgets?page=1&per_page={size}", "joe@example.com"]:
                wrong.append((page, links))

    threads = [Thread(target=ask, args=each) for each in clients * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
