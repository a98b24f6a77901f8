"""Hashing behind a gate: nobody waits without end, and reads are answered meanwhile."""

import os
import threading
import warnings
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from processes import PATIENCE
from turns import others_go_on, wait_until

from widget_service.auth import hashing
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

    def hash(self, _password):
        raise NotImplementedError

    def is_outdated(self, password_hash):
        return password_hash == "outdated"


@pytest.fixture
def threads():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def test_it_takes_so_many_lets_so_many_wait_and_refuses_the_rest(threads):
    held, gate = Held(), Gate(2, 1, PATIENCE)
    passwords = GatedPasswords(held, gate)
    inside = [threads.submit(passwords.verify, "x", "y") for _ in range(2)]
    for _ in inside:
        assert held.begun.acquire(timeout=PATIENCE)
    waiting = threads.submit(passwords.verify, "x", "y")
    wait_until(lambda: gate.inside == 3)
    with pytest.raises(Busy):
        passwords.verify("x", "y")
    assert not held.begun.acquire(blocking=False)
    # A new hash can wait for another login.
    assert passwords.upgraded("x", "outdated") is None
    held.go.set()
    assert [each.result(PATIENCE) for each in (*inside, waiting)] == [True] * 3
    assert passwords.verify("x", "y")
    assert gate.inside == 0


def test_nobody_waits_whose_hash_is_not_outdated(monkeypatch):
    gate = Gate(1, 0, 0)
    monkeypatch.setattr(gate, "run", pytest.fail)
    assert GatedPasswords(Held(), gate).upgraded("x", "of today") is None


def test_it_refuses_whoever_has_waited_for_too_long(threads):
    held, gate = Held(), Gate(1, 5, 0)
    passwords = GatedPasswords(held, gate)
    inside = threads.submit(passwords.verify, "x", "y")
    assert held.begun.acquire(timeout=PATIENCE)
    with pytest.raises(Busy):
        passwords.hash("x")
    held.go.set()
    assert inside.result(PATIENCE)
    # Who was refused is gone, and whoever finds a thread does not wait.
    assert passwords.verify("x", "y")


def test_it_does_not_refuse_whom_it_has_begun_with(threads, monkeypatch):
    class Slow(Future):
        """What begins just when nobody wants to wait any more."""

        def result(self, timeout=None):
            if timeout is not None:
                assert self.set_running_or_notify_cancel()
                threads.submit(self.set_result, "a hash")
                raise TimeoutError
            return super().result(timeout)

    gate = Gate(1, 1, 0)
    gate.inside = 1
    monkeypatch.setattr(gate._threads, "submit", lambda *_call: Slow())  # noqa: SLF001  (a race, otherwise)
    assert gate.run(str) == "a hash"


def test_it_serves_them_as_they_came(threads):
    gate = Gate(1, 5, PATIENCE)
    begun, go, served = threading.Event(), threading.Event(), []

    def first():
        begun.set()
        assert go.wait(PATIENCE)

    results = [threads.submit(gate.run, first)]
    assert begun.wait(PATIENCE)
    line = gate._threads._work_queue  # noqa: SLF001  (nothing else shows who waits)
    for number in range(5):
        results.append(threads.submit(gate.run, served.append, number))
        wait_until(lambda: line.qsize() == len(results) - 1)
    go.set()
    for each in results:
        each.result(PATIENCE)
    assert served == [0, 1, 2, 3, 4]


def test_it_goes_on_after_a_failure():
    gate = Gate(1, 0, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            gate.run(divmod, 1, 0)


def test_others_go_on_while_it_hashes():
    gate = Gate(1, 0, 0)
    assert others_go_on(lambda: gate.run(int))


def test_it_hashes_in_a_process_that_was_forked():
    gate = Gate(1, 0, 0)
    # A thread that the other process will not have.
    gate.run(int)
    with warnings.catch_warnings():
        # Of threads that may hold a lock; this one holds none.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        thread = threading.Thread(target=lambda: os._exit(gate.run(int, 42)), daemon=True)
        thread.start()
        thread.join(PATIENCE)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42


def test_nobody_is_inside_where_it_begins_anew():
    gate = Gate(1, 0, 0)
    gate.inside = 1
    hashing._begin_anew()  # noqa: SLF001  (in the child of a fork, otherwise)
    assert gate.run(int) == 0


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


@pytest.mark.parametrize(("settings", "inside"), [({}, 1), ({"auth.hash_concurrency": "9"}, 9)])
def test_it_hashes_as_much_at_a_time_as_it_is_told(make_app, settings, inside):
    assert make_app(settings).registry.passwords.gate.concurrency == inside
