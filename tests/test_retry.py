"""Requests that are in each other's way, on a real PostgreSQL: each succeeds, nothing is lost."""

import importlib
import logging
import re
from contextlib import closing
from functools import partial
from io import BytesIO
from threading import Barrier, Thread

import pytest
import webtest
from core import core_ini
from processes import PATIENCE
from sqlalchemy import text

from widget_service.errors import UNAVAILABLE
from widget_service.testing import PLUGINS, Client, application, ini_text

# The barrier makes sure that both have read before one of them writes.
PLUGIN = """
import threading
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import text
from widget_service.retry import once
from widget_service.rest import Service

clients = Service("clients", "/{what}")
bodies = []
made = []

def meet(request):
    attempts = request.environ["test.attempts"] = request.environ.get("test.attempts", 0) + 1
    if attempts == 1 and "test.barrier" in request.environ:
        request.environ["test.barrier"].wait(60)

def update(request, run):
    # One has read what the other one changes.
    value = run("SELECT value FROM number WHERE id = 1").scalar()
    meet(request)
    run(f"UPDATE number SET value = {value + 1} WHERE id = 1")

def insert(request, run):
    # Nobody changes what another one has read, but there is no order in which both could have
    # run: found out by the commit, or after it.
    count = run("SELECT count(*) FROM number").scalar()
    meet(request)
    run(f"INSERT INTO number VALUES ({100 * count} + {request.environ['test.own']}, {count})")

def lock(request, run):
    # Each waits for what the other one has.
    first, second = (1, 2) if request.environ["test.own"] == 1 else (2, 1)
    run(f"UPDATE number SET value = value + 1 WHERE id = {first}")
    meet(request)
    run(f"UPDATE number SET value = value + 1 WHERE id = {second}")

def fail(request, run):
    bodies.append(request.body)
    unread(request, run)

def stream(request, run):
    bodies.append(request.body_file.read())
    unread(request, run)

def unread(request, run):
    made.append(once(request, "made", lambda: len(made)))
    run(f"INSERT INTO number VALUES ({1000 + len(bodies)}, 0)")
    meet(request)
    if request.environ["test.attempts"] <= request.environ["test.failures"]:
        state = request.environ["test.state"]
        run(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")

@clients.post(permission=NO_PERMISSION_REQUIRED)
def post(request):
    run = lambda statement: request.dbsession.execute(text(statement))
    globals()[request.matchdict["what"]](request, run)
    return {"attempts": request.environ["test.attempts"], "last": not request.environ[
        "widget_service.more_attempts"]}

@clients.get(permission=NO_PERMISSION_REQUIRED)
def get(request):
    request.read(text("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $$"))

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(clients)
"""


@pytest.fixture
def serve(own_postgresql, tmp_path, write_plugin):
    """Makes an application on a database with a table of two numbers, both 0."""
    write_plugin("clients", PLUGIN)
    made = []

    def make(**settings):
        ini = core_ini(tmp_path, "clients", sqlalchemy__url=own_postgresql, **settings)
        app = application(ini, tmp_path)
        made.append(app.registry.database)
        with app.registry.database.write_engine.begin() as connection:
            connection.execute(text("CREATE TABLE number (id int PRIMARY KEY, value int)"))
            connection.execute(text("INSERT INTO number VALUES (1, 0), (2, 0)"))
        return app

    yield make
    for database in made:
        database.close()


def both(app, path):
    """The statuses of two requests at once, and how often each was tried."""
    barrier = Barrier(2)
    answers = []

    def post(own):
        client = webtest.TestApp(app, extra_environ={"test.barrier": barrier, "test.own": own})
        response = client.post(path, {"a": "b"}, status="*")
        answers.append((response.status_int, response.json.get("attempts")))

    threads = [Thread(target=partial(post, own)) for own in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return sorted(answers)


def numbers(app):
    with app.registry.database.write_engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text("SELECT * FROM number ORDER BY id"))]


def test_a_change_is_made_twice(serve):
    app = serve(sqlalchemy__isolation_level="SERIALIZABLE")
    assert both(app, "/api/v1/update") == [(200, 1), (200, 2)]
    assert numbers(app)[0] == (1, 2)


def test_without_serializable_transactions_a_change_is_lost(serve):
    # So it is they that the other tests show at work.
    app = serve(sqlalchemy__isolation_level="READ COMMITTED")
    assert both(app, "/api/v1/update") == [(200, 1), (200, 1)]
    assert numbers(app)[0] == (1, 1)


def test_what_only_the_commit_finds_out_is_tried_again(serve):
    app = serve(sqlalchemy__isolation_level="SERIALIZABLE")
    assert both(app, "/api/v1/insert") == [(200, 1), (200, 2)]
    # The second one saw what the first one had added.
    assert sorted(value for _id, value in numbers(app)) == [0, 0, 2, 3]


def test_two_that_wait_for_each_other_both_succeed(serve):
    app = serve(sqlalchemy__isolation_level="READ COMMITTED", database__lock_timeout="60000")
    assert both(app, "/api/v1/lock") == [(200, 1), (200, 2)]
    assert numbers(app) == [(1, 2), (2, 2)]


def failing(app, times, state="40001"):
    return webtest.TestApp(app, extra_environ={"test.failures": times, "test.state": state})


@pytest.mark.parametrize("view", ["fail", "stream"])
def test_each_attempt_has_the_body_and_leaves_nothing_behind(serve, view):
    clients = importlib.import_module("clients")  # made by the fixture

    app = serve()
    response = failing(app, 2).post(f"/api/v1/{view}", b"a=b")
    assert response.json == {"attempts": 3, "last": True}
    assert clients.bodies == [b"a=b"] * 3
    # Made by the first attempt alone.
    assert clients.made == [0, 0, 0]
    assert [each[0] for each in numbers(app)] == [1, 2, 1003]


@pytest.mark.parametrize(
    ("settings", "state", "attempts"),
    [
        ({}, "40001", 3),
        ({"retry__attempts": "5"}, "40P01", 5),
        ({"retry__attempts": "1"}, "40001", 1),
        # Nobody knows what became of the first attempt.
        ({}, "40003", 1),
    ],
)
def test_it_gives_up_at_last(serve, settings, state, attempts, caplog):
    clients = importlib.import_module("clients")

    app = serve(**settings)
    caplog.set_level(logging.INFO)
    response = failing(app, 100, state).post("/api/v1/fail", status=503)
    assert response.json == {"message": UNAVAILABLE}
    assert response.headers["Retry-After"]
    assert len(clients.bodies) == attempts
    # One error, however many attempts there were.
    assert caplog.text.count("database unavailable") == 1
    assert caplog.text.count("was in the way") == attempts - 1


class Pipe:
    """A body that is read once, as some servers have it."""

    def __init__(self, body):
        self.read = BytesIO(body).read


@pytest.mark.parametrize(("length", "attempts"), [(3, 1), (0, 2)])
def test_it_tries_nothing_again_that_it_cannot_read_again(serve, length, attempts):
    app = serve()
    environ = webtest.TestRequest.blank("/api/v1/unread", method="POST").environ
    environ |= {"wsgi.input": Pipe(b"a=b"[:length]), "CONTENT_LENGTH": str(length)}
    environ |= {"test.failures": 1, "test.state": "40001"}
    response = webtest.TestRequest(environ).get_response(app)
    assert environ["test.attempts"] == attempts
    assert response.status_int == (503 if attempts == 1 else 200)


def test_it_does_not_try_a_mistake_again(serve):
    app = serve()
    failing(app, 1, "22012").post("/api/v1/fail", status=500)
    assert len(numbers(app)) == 2


def test_sqlite_needs_none_of_it(tmp_path):
    app = application(core_ini(tmp_path, sqlalchemy__isolation_level="REPEATABLE READ"), tmp_path)
    with closing(app.registry.database):
        assert webtest.TestApp(app).post("/api/v1/nothing", status=404).json


# As another request that is in the way of the first two attempts; a sequence is not rolled back.
IN_THE_WAY = """
CREATE SEQUENCE attempts;
CREATE FUNCTION in_the_way() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('attempts') % 3 <> 0 THEN
        RAISE EXCEPTION 'in the way' USING ERRCODE = '40001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER in_the_way BEFORE INSERT ON issued_token FOR EACH ROW EXECUTE FUNCTION in_the_way();
"""


def test_hashes_audit_quotas_and_metrics_take_note_once_however_often_a_transaction_is_tried(
    own_postgresql, tmp_path, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, "widget_service.audit")
    once = {"throttle.register_address": "1/hour", "throttle.login_address": "1/hour"}
    once["ops.metrics_path"] = "/metrics"
    plugins = [*PLUGINS, "widget_service.throttle", "widget_service.ops"]
    app = application(ini_text(own_postgresql, plugins, once), tmp_path)
    hashing = []
    for name in ("hash", "verify", "upgraded"):
        monkeypatch.setattr(
            app.registry.passwords, name, noting(hashing, app.registry.passwords, name)
        )
    with closing(app.registry.database):
        with app.registry.database.write_engine.begin() as connection:
            connection.execute(text(IN_THE_WAY))
        client = Client(app)
        fields = {"email": "user@example.com", "password": "123456"}
        client.post("/api/v1/auth/register", fields, status=201)
        assert hashing == ["hash"]
        token = client.post("/api/v1/auth/login", fields).json["access_token"]
        assert hashing == ["hash", "verify", "upgraded"]
        change = {"current_password": "123456", "new_password": "654321"}
        client.with_token(token).put("/api/v1/auth/password", change)
        counted = re.findall(r'count{method="(.*)",route="(.*)",status="(.*)"} (.*)',
                             client.get("/metrics").text)  # fmt: skip
    assert counted == [
        ("POST", "/api/v1/auth/register", "201", "1.0"),
        ("POST", "/api/v1/auth/login", "200", "1.0"),
        ("PUT", "/api/v1/auth/password", "200", "1.0"),
    ]
    audited = [each.message for each in caplog.records if each.name == "widget_service.audit"]
    assert [line.partition(",")[0] for line in audited] == [
        "register: success",
        "login: success",
        "password change: success",
    ]


def test_audit_and_metrics_take_note_of_what_was_given_up(own_postgresql, tmp_path, caplog):
    caplog.set_level(logging.INFO, "widget_service.audit")
    ini = ini_text(
        own_postgresql, [*PLUGINS, "widget_service.ops"], {"ops.metrics_path": "/metrics"}
    )
    app = application(ini, tmp_path)
    with closing(app.registry.database):
        with app.registry.database.write_engine.begin() as connection:
            connection.execute(text(IN_THE_WAY.replace("% 3 <> 0", "> 0")))
        client = Client(app)
        fields = {"email": "user@example.com", "password": "123456"}
        client.post("/api/v1/auth/register", fields, status=503)
        counted = client.get("/metrics").text
    assert 'count{method="POST",route="/api/v1/auth/register",status="503"} 1.0' in counted
    (audited,) = [each.message for each in caplog.records if each.name == "widget_service.audit"]
    assert audited.startswith("register: failure")


def noting(notes, passwords, name):
    method = getattr(passwords, name)

    def note(*args):
        notes.append(name)
        return method(*args)

    return note


def test_a_request_that_only_reads_is_answered_at_once_whatever_its_environment_says(serve):
    client = webtest.TestApp(serve(), extra_environ={"widget_service.more_attempts": True})
    assert client.get("/api/v1/x", status=503).json == {"message": UNAVAILABLE}
