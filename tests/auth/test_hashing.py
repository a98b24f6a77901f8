"""Hashing behind a gate: nobody waits without end, and reads are answered meanwhile."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import PATIENCE
from turns import others_go_on

from widget_service.auth.hashing import Busy, Gate, GatedPasswords
from widget_service.testing import PASSWORD

LOGIN = "/api/v1/auth/login"
REGISTER = "/api/v1/auth/register"
UNAVAILABLE = {"message": "The service is temporarily unavailable. Please try again later."}


class Held:
    """A hasher that says when it has begun, and goes on when it is told to."""

    def __init__(self, passwords=None):
        self._passwords = passwords
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()

    def verify(self, password, password_hash):
        self.begun.release()
        assert self.go.wait(PATIENCE)
        return self._passwords is None or self._passwords.verify(password, password_hash)

    def upgraded(self, _password, _password_hash):
        return None


class Line(list):
    """A waiting line that says when somebody has joined it."""

    def __init__(self):
        super().__init__()
        self.joined = threading.Semaphore(0)

    def append(self, ticket):
        super().append(ticket)
        self.joined.release()


@pytest.fixture
def threads():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def gate_with_a_line(*args):
    gate = Gate(*args)
    gate.waiting = Line()
    return gate, gate.waiting


def test_it_takes_so_many_lets_so_many_wait_and_refuses_the_rest(threads):
    held = Held()
    gate, line = gate_with_a_line(2, 1, PATIENCE)
    passwords = GatedPasswords(held, gate)
    inside = [threads.submit(passwords.verify, "x", "y") for _ in range(2)]
    for _ in inside:
        assert held.begun.acquire(timeout=PATIENCE)
    waiting = threads.submit(passwords.verify, "x", "y")
    assert line.joined.acquire(timeout=PATIENCE)
    with pytest.raises(Busy):
        passwords.verify("x", "y")
    assert not held.begun.acquire(blocking=False)
    # A new hash can wait for another login.
    assert passwords.upgraded("x", "y") is None
    held.go.set()
    assert [each.result(PATIENCE) for each in (*inside, waiting)] == [True] * 3
    assert passwords.verify("x", "y")


def test_it_refuses_whoever_has_waited_for_too_long(threads):
    held = Held()
    passwords = GatedPasswords(held, Gate(1, 5, 0))
    inside = threads.submit(passwords.verify, "x", "y")
    assert held.begun.acquire(timeout=PATIENCE)
    with pytest.raises(Busy):
        passwords.hash("x")
    held.go.set()
    assert inside.result(PATIENCE)
    assert passwords.verify("x", "y")


def test_it_lets_them_in_as_they_came(threads):
    gate, line = gate_with_a_line(1, 5, PATIENCE)
    entered = []

    def enter(number):
        with gate.passage():
            entered.append(number)

    with gate.passage():
        waiting = []
        for number in range(5):
            waiting.append(threads.submit(enter, number))
            assert line.joined.acquire(timeout=PATIENCE)
    for each in waiting:
        each.result(PATIENCE)
    assert entered == [0, 1, 2, 3, 4]


def test_it_lets_others_in_after_a_failure():
    gate = Gate(1, 0, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.passage():
            raise ZeroDivisionError


@pytest.mark.parametrize("concurrency", [1, 9])
def test_others_go_on_while_it_hashes_and_while_it_waits(concurrency):
    gate = Gate(concurrency, 1, 0)

    def enter():
        with contextlib.suppress(Busy), gate.passage():
            pass

    with gate.passage():
        assert others_go_on(enter)


def test_it_answers_reads_while_logins_storm_and_503_to_those_beyond(make_app, threads):
    client = make_app({"auth.hash_concurrency": "2", "auth.hash_queue": "0"})
    user = client.sign_up("user@example.com")
    gated = client.registry.passwords
    held = gated.passwords = Held(gated.passwords)
    fields = {"email": "user@example.com", "password": PASSWORD}
    storm = [threads.submit(client.post, LOGIN, fields) for _ in range(2)]
    for _ in storm:
        assert held.begun.acquire(timeout=PATIENCE)
    change = {"current_password": PASSWORD, "new_password": "x"}
    for answer in (
        client.post(LOGIN, fields, status=503),
        client.post(LOGIN, {**fields, "email": "unknown@example.com"}, status=503),
        client.post(REGISTER, {**fields, "email": "new@example.com"}, status=503),
        user.put("/api/v1/auth/password", change, status=503),
    ):
        assert answer.json == UNAVAILABLE
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
    assert user.get("/api/v1/widgets").status_int == 200
    assert user.get("/api/v1/auth/user").status_int == 200
    held.go.set()
    assert [each.result(PATIENCE).status_int for each in storm] == [200, 200]
    assert client.post(LOGIN, fields).status_int == 200


@pytest.mark.parametrize(("settings", "inside"), [({}, 2), ({"auth.hash_concurrency": "9"}, 9)])
def test_it_hashes_as_much_at_a_time_as_it_is_told(make_app, settings, inside):
    assert make_app(settings).registry.passwords.gate.concurrency == inside
