"""What the tests of accounts share."""

import base64
import hmac
import json
import threading
import time
import uuid

import argon2.low_level
import pytest
from processes import PATIENCE
from sqlalchemy.orm import Session

from widget_service import configure
from widget_service.settings import StartupError
from widget_service.testing import SETTINGS, Client, application, ini_text


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


class Forge:
    """Makes tokens by hand, so that they can be wrong in every way."""

    key = SETTINGS["jwt.private_key"]
    digest = "sha256"

    def claims(self, public_id, **changes):
        """What the service would say of a user now, changed; ``...`` leaves a claim out."""
        now = int(time.time())
        said = {
            "iat": now,
            "exp": now + 600,
            "sub": public_id,
            "admin": False,
            "jti": str(uuid.uuid4()),
        }
        return {k: v for k, v in (said | changes).items() if v is not ...}

    def sign(self, payload, header=None, key=None, digest=None):
        """A JWS of the three parts; what is no bytes becomes JSON."""
        head = {"alg": "HS256", "typ": "JWT"} if header is None else header
        text = ".".join(base64url(self._bytes(part)) for part in (head, payload))
        secret = (self.key if key is None else key).encode("utf-8")
        signature = hmac.digest(secret, text.encode("ascii"), digest or self.digest)
        return f"{text}.{base64url(signature)}"

    @staticmethod
    def _bytes(part):
        return part if isinstance(part, bytes) else json.dumps(part).encode("utf-8")


@pytest.fixture
def forge():
    return Forge()


@pytest.fixture
def session(client):
    """A session on emptied tables; what a test does in it is rolled back."""
    registry = client.registry
    with Session(registry.database.write_engine, info={"registry": registry}) as session:
        yield session


@pytest.fixture
def make_app(tmp_path):
    """Makes applications with settings of their own, on one SQLite database of the test's own."""
    made = []

    def make(settings=None, database=f"sqlite:///{tmp_path / 'own.sqlite'}"):
        app = application(ini_text(database, settings=settings), tmp_path)
        made.append(app)
        return Client(app)

    yield make
    for app in made:
        app.registry.database.close()


@pytest.fixture
def refusal(tmp_path):
    """What the service says when it is to start with some settings and does not."""

    def refuse(settings, environ=None):
        own = {
            "sqlalchemy.url": f"sqlite:///{tmp_path / 'own.sqlite'}",
            "pyramid.includes": "widget_service.auth",
        }
        with pytest.raises(StartupError) as refused:
            configure({**SETTINGS, **own, **settings}, environ=environ or {})
        return str(refused.value)

    return refuse


@pytest.fixture
def at_once():
    """Calls functions in threads of their own, all at the same moment; answers their results."""

    def run(*calls):
        barrier = threading.Barrier(len(calls), timeout=PATIENCE)
        results = [None] * len(calls)

        def work(number, call):
            barrier.wait()
            results[number] = call()

        threads = [threading.Thread(target=work, args=each) for each in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=PATIENCE)
            assert not thread.is_alive()
        return results

    return run


@pytest.fixture(params=["form", "multipart", "json"])
def send(request):
    """Posts fields in each of the three formats."""

    def post(client, path, fields, status="*"):
        if request.param == "json":
            return client.post_json(path, fields, status=status)
        if request.param == "form":
            return client.post(path, fields, status=status)
        kind, body = client.encode_multipart(list(fields.items()), [])
        return client.post(path, body, headers={"Content-Type": kind}, status=status)

    return post


@pytest.fixture
def hashing(monkeypatch):
    """What Argon2 is asked to do, in order: ``hash`` or ``verify``."""
    done = []
    for name in ("hash_secret", "verify_secret"):
        original = getattr(argon2.low_level, name)

        def noted(*args, _name=name, _original=original, **kw):
            done.append(_name.removesuffix("_secret"))
            return _original(*args, **kw)

        monkeypatch.setattr(argon2.low_level, name, noted)
    return done
