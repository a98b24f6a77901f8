"""pyramid_jwt and passlib sleep upstream: each is behind one module, and can be replaced there."""

import ast
from pathlib import Path

import widget_service
from widget_service.auth.tokens import INVALID, Claims, Issued, Signed, TokenRefused
from widget_service.testing import PASSWORD

SOURCES = Path(widget_service.__file__).parent
USER = "/api/v1/auth/user"
LOGIN = "/api/v1/auth/login"


def importers(package):
    """The modules of the service that import a package, in any form."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == package for name in names):
                found.add(path.relative_to(SOURCES).as_posix())
    return found


def test_it_knows_pyramid_jwt_in_one_module():
    assert importers("pyramid_jwt") == importers("jwt") == {"auth/tokens.py"}


def test_it_knows_passlib_in_one_module():
    assert importers("passlib") == {"auth/passwords.py"}


class Plain:
    """A codec with nothing of pyramid_jwt in it: the number of a token in a list."""

    lifetime = 60

    def __init__(self, callback):
        self.callback = callback
        self._issued = []

    def issue(self, public_id, *, admin):
        assert admin is False
        self._issued.append(public_id)
        token = str(len(self._issued))
        return Issued(token, self.read(token).claims)

    def read(self, token):
        if not token.isdigit():
            raise TokenRefused(INVALID)
        claims = Claims(self._issued[int(token) - 1], f"number {token}", 0, 4_000_000_000)
        return Signed(claims, 0, as_issued=not token.startswith("0"))


class Backwards:
    """A hasher with nothing of passlib in it."""

    def hash(self, password):
        return password[::-1]

    def verify(self, password, password_hash):
        return password_hash == password[::-1]

    def upgraded(self, _password, _password_hash):
        return None


def test_it_works_with_another_codec(client, monkeypatch):
    monkeypatch.setattr(client.registry, "codec", Plain(client.registry.codec.callback))
    first = client.sign_up("user@example.com")
    second = client.log_in("user@example.com")
    assert (first.account.token, second.account.token) == ("1", "2")
    assert client.with_token("x").get(USER, status=401).json == {"message": INVALID}
    assert client.with_token("02").get(USER, status=401).json == {"message": INVALID}
    first.post("/api/v1/auth/logout")
    blacklisted = {"message": "Token blacklisted. Please log in again."}
    assert first.get(USER, status=401).json == blacklisted
    assert second.get(USER).json["email"] == "user@example.com"


def test_it_works_with_another_hasher(client, monkeypatch):
    monkeypatch.setattr(client.registry, "passwords", Backwards())
    client.sign_up("user@example.com")
    assert client.log_in("user@example.com").get(USER).status_int == 200
    client.post(LOGIN, {"email": "user@example.com", "password": PASSWORD[::-1]}, status=401)
    client.post(LOGIN, {"email": "other@example.com", "password": PASSWORD}, status=401)
