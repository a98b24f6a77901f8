"""Every answer about accounts is for nobody's cache."""

import pytest

FIELDS = {"email": "user@example.com", "password": "x"}


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("post", "register", {"email": "new@example.com", "password": "x"}, 201),
        ("post", "register", FIELDS, 409),
        ("post", "register", {"email": "somebody"}, 400),
        ("post", "login", FIELDS, 401),
        ("post", "login", {"email": "somebody"}, 400),
        ("get", "user", {}, 200),
        ("head", "user", {}, 200),
        ("post", "logout", {}, 200),
        ("get", "register", {}, 405),
    ],
)
def test_it_keeps_answers_and_refusals_out_of_caches(user, method, path, fields, status):
    answer = getattr(user, method)(f"/api/v1/auth/{path}", fields, status=status)
    assert answer.headers.getall("Cache-Control") == ["no-store"]
    assert answer.headers.getall("Pragma") == ["no-cache"]


@pytest.mark.parametrize("token", [None, "a.b.c"])
def test_it_keeps_refusals_of_tokens_out_of_caches(client, token):
    stranger = client.with_token(token) if token else client
    for answer in (
        stranger.get("/api/v1/auth/user", status=401),
        stranger.post("/api/v1/auth/logout", status=401),
    ):
        assert answer.headers.getall("Cache-Control") == ["no-store"]
