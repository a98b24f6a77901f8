"""Who may do what, what a name of a path finds, and in which order requests are refused."""

import json
from urllib.parse import quote

import pytest

WIDGETS = "/api/v1/widgets"
FIELDS = {"info_url": "https://example.com/", "deadline": "12/31/2099"}
NEW = {"name": "first", **FIELDS}
# The Kelvin sign is another letter, but its lower case is the ASCII one.
KELVIN = "\u212aelvin"
REQUESTS = [
    ("POST", WIDGETS),
    ("PUT", f"{WIDGETS}/first"),
    ("PUT", f"{WIDGETS}/second"),
    ("PUT", f"{WIDGETS}/ill%20egal"),
    ("DELETE", f"{WIDGETS}/first"),
    ("DELETE", f"{WIDGETS}/second"),
    ("DELETE", f"{WIDGETS}/ill%20egal"),
]


class TestNames:
    def test_it_lowercases_the_name_of_the_path(self, admin, user):
        admin.post(WIDGETS, NEW)
        assert user.get(f"{WIDGETS}/FIRST").json["name"] == "first"

    @pytest.mark.parametrize("method", ["get", "head", "delete"])
    @pytest.mark.parametrize(
        "name", ["First", "a" * 101, "é", "a b", "first\n", "first\0", "%", "'"]
    )
    def test_it_does_not_find_what_is_not_there(self, admin, method, name):
        answer = getattr(admin, method)(f"{WIDGETS}/{quote(name)}", status=404)
        if method != "head":
            assert answer.json == {"message": f"{name} not found in database."}
        assert "ETag" not in answer.headers

    def test_it_does_not_take_another_letter_for_an_ascii_one(self, admin):
        admin.post(WIDGETS, NEW | {"name": "kelvin"})
        admin.get(f"{WIDGETS}/Kelvin", status=200)
        for method in (admin.get, admin.delete):
            answer = method(f"{WIDGETS}/{quote(KELVIN)}", status=404)
            assert answer.json == {"message": f"{KELVIN} not found in database."}

    @pytest.mark.parametrize("name", ["a b", "A b", "first\n", "a.b", "é", KELVIN, "a\0"])
    def test_it_refuses_an_illegal_name_of_the_path(self, admin, name):
        answer = admin.put(f"{WIDGETS}/{quote(name)}", FIELDS, status=400)
        assert answer.json == {
            "status": "fail",
            "message": f"'{name}' contains one or more invalid characters. Widget name must "
            "contain only lowercase letters, numbers, hyphen and underscore characters.",
        }

    def test_it_refuses_a_name_of_the_path_that_is_too_long(self, admin):
        name = "A" * 101
        assert admin.put(f"{WIDGETS}/{name}", FIELDS, status=400).json == {
            "status": "fail",
            "message": f"'{name}' contains one or more invalid characters. Widget name must "
            "contain only lowercase letters, numbers, hyphen and underscore characters.",
        }
        admin.put(f"{WIDGETS}/{name[1:]}", FIELDS, status=201)


class TestOrderOfChecks:
    """A stranger and a plain user learn neither the rules nor what exists."""

    @pytest.fixture(autouse=True)
    def first(self, admin):
        admin.post(WIDGETS, NEW)

    def ask(self, client, method, path, body="{"):
        headers = {"Content-Type": "application/json", "If-Match": '"0-0"'}
        answer = client.request(
            path, method=method, body=body.encode(), headers=headers, expect_errors=True
        )
        return answer.status_int, answer.json

    @pytest.mark.parametrize("body", ["{", "{}", json.dumps(NEW)])
    @pytest.mark.parametrize(("method", "path"), REQUESTS)
    def test_it_asks_first_who_it_is(self, client, method, path, body):
        assert self.ask(client, method, path, body) == (401, {"message": "Unauthorized"})

    @pytest.mark.parametrize("body", ["{", "{}", json.dumps(NEW)])
    @pytest.mark.parametrize(("method", "path"), REQUESTS)
    def test_it_asks_then_whether_they_may(self, user, method, path, body):
        refusal = (403, {"message": "You are not an administrator"})
        assert self.ask(user, method, path, body) == refusal

    @pytest.mark.parametrize("path", ["first", "second", "ill%20egal"])
    def test_it_shows_no_stranger_what_exists(self, client, path):
        assert client.get(f"{WIDGETS}/{path}", status=401).json == {"message": "Unauthorized"}

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("PATCH", WIDGETS, "{", 405),
            ("DELETE", f"{WIDGETS}/second", "{", 404),
            ("PUT", f"{WIDGETS}/ill%20egal", "{", 400),
            ("PUT", f"{WIDGETS}/first", "{", 400),
            ("PUT", f"{WIDGETS}/first", "{}", 400),
            ("PUT", f"{WIDGETS}/first", json.dumps(NEW), 412),
            ("POST", WIDGETS, json.dumps(NEW | {"deadline": ""}), 400),
            ("POST", WIDGETS, json.dumps(NEW), 409),
        ],
    )
    def test_it_tells_an_administrator_one_thing_after_the_other(
        self, admin, method, path, body, status
    ):
        assert self.ask(admin, method, path, body)[0] == status

    def test_it_names_the_realm_of_each_operation(self, client):
        for method, path in [*REQUESTS, ("GET", WIDGETS), ("GET", f"{WIDGETS}/first")]:
            answer = client.request(path, method=method, expect_errors=True)
            who = "registered" if method == "GET" else "admin"
            challenge = f'Bearer realm="{who}_users@mydomain.com"'
            assert answer.headers["WWW-Authenticate"] == challenge
