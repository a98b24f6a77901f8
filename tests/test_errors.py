"""Whatever goes wrong, the answer is JSON in one of four shapes and tells nothing but its text."""

import logging

import pytest
from core import serving
from plugins.faulty import FAULTS, SECRET
from pyramid.httpexceptions import HTTPForbidden
from pyramid.registry import Registry
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from webtest import TestRequest

from widget_service.errors import NOT_FOUND, database_error, forbidden
from widget_service.principals import AccessRefused, Refused
from widget_service.testing import new_database

SHAPES = [{"message"}, {"status", "message"}, {"errors", "message"}]
BUGS = ["bug", "decoding", "unserializable", "statement"]
INTERNAL = {"message": "Internal Server Error"}
UNAVAILABLE = {"message": "The service is temporarily unavailable. Please try again later."}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("faulty"), "plugins.faulty") as testapp:
        yield testapp


@pytest.fixture
def notes(own_database, tmp_path):
    settings = {"sqlalchemy__url": own_database, "database__lock_timeout": "1"}
    with serving(tmp_path, "plugins.notes", **settings) as testapp:
        yield testapp


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if f not in {"parameters", "response", "varying"}]
)
def test_it_answers_in_one_of_four_shapes(faulty, fault, method):
    response = faulty.request(f"/api/v1/faulty/{fault}", method=method, expect_errors=True)
    if response.status_int in (204, 304):
        assert response.body == b""
        assert "Content-Type" not in response.headers
        return
    assert response.content_type == "application/json"
    assert set(response.json) in SHAPES
    assert SECRET not in response.text + str(response.headers)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("fault", BUGS)
def test_it_hides_mistakes_from_clients_and_logs_them_for_operators(faulty, fault, caplog):
    response = faulty.get(f"/api/v1/faulty/{fault}", status=500)
    assert response.json == INTERNAL
    (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.exc_info
    assert record.getMessage() == f"unexpected error: GET /api/v1/faulty/{fault}"
    # The traceback quotes a statement without its values.
    assert fault != "statement" or SECRET not in caplog.text


def test_it_answers_503_where_no_connection_is_free(own_database, tmp_path):
    settings = {"sqlalchemy__pool_size": "1", "sqlalchemy__max_overflow": "0"}
    settings |= {"sqlalchemy__pool_timeout": "0", "sqlalchemy__url": own_database}
    settings |= {"database__lock_timeout": "1"}
    with serving(tmp_path, "plugins.notes", **settings) as testapp:
        with testapp.app.registry.database.write_engine.connect():
            unavailable(testapp.post("/api/v1/notes/core", status=503))
        assert testapp.post("/api/v1/notes/core").json == {}


def unavailable(response):
    assert response.json == UNAVAILABLE
    assert response.headers["Retry-After"] == "1"


def test_it_keeps_a_log_line_one_line(faulty, caplog):
    faulty.get("/api/v1/faulty/bug%0afaked", status=500)
    assert caplog.records[-1].getMessage() == "unexpected error: GET /api/v1/faulty/bug%0Afaked"


def test_it_keeps_a_log_line_short(faulty, caplog):
    faulty.get(f"/api/v1/faulty/bug{'%22' * 60_000}", status=500)
    (message,) = [each.getMessage() for each in caplog.records if each.exc_info]
    assert message.startswith("unexpected error: GET /api/v1/faulty/bug%22%22")
    assert len(message) < 250


@pytest.mark.parametrize(
    ("fault", "status", "body", "headers"),
    [
        ("returned", 409, {"message": "Taken."}, {}),
        ("moved", 302, {"message": "Found"}, {"Location": "https://example.com/"}),
        ("nothing", 204, None, {"X-Kept": "yes"}),
        ("unmodified", 304, None, {}),
        ("forbidden", 403, {"message": "Forbidden"}, {}),
        ("forbidden_by_view", 403, {"message": "Not yours."}, {}),
        ("gone", 404, {"message": NOT_FOUND}, {}),
        ("bad", 400, {"message": "That is bad."}, {"X-Kept": "yes"}),
        ("throttled", 429, {"message": "Too Many Requests"}, {"Retry-After": "7"}),
        ("failure", 400, {"status": "fail", "message": "No."}, {}),
        ("conflict", 409, {"status": "fail", "message": "Taken."}, {}),
        ("absent", 404, {"message": "None."}, {"X-Kept": "yes"}),
        ("service", 500, {"message": "Odd."}, {}),
        ("response", 418, {"a": 1}, {}),
    ],
)
def test_it_answers_what_plugins_raise_and_return(faulty, fault, status, body, headers):
    response = faulty.get(f"/api/v1/faulty/{fault}", status=status)
    assert (response.json if response.body else None) == body
    assert headers == {name: response.headers[name] for name in headers}


def test_it_answers_400_to_a_view_that_reads_what_cannot_be_decoded(faulty):
    response = faulty.get("/api/v1/faulty/parameters?a=%ff", status=400)
    assert set(response.json["errors"]) == {"url"}
    assert faulty.get("/api/v1/faulty/parameters?a=b").json == {"a": "b"}


@pytest.mark.parametrize("deed", ["bug", "conflict", "returned", "dangling"])
def test_it_keeps_nothing_of_a_write_that_is_refused(notes, deed):
    response = notes.post(f"/api/v1/notes/{deed}", status="*")
    assert response.status_int == (500 if deed == "bug" else 409)
    assert set(response.json) == {"message"}
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert notes.get("/api/v1/notes").json == {"notes": 0}
    notes.post("/api/v1/notes/core")
    assert notes.get("/api/v1/notes").json == {"notes": 1}


def test_it_answers_503_while_another_connection_has_the_lock(notes, own_database, caplog):
    engine = create_engine(own_database)
    postgresql = engine.dialect.name == "postgresql"
    with engine.connect() as other:
        other.execute(text("LOCK TABLE note" if postgresql else "BEGIN IMMEDIATE"))
        unavailable(notes.post("/api/v1/notes/core", status=503))
        assert (
            caplog.records[-1]
            .getMessage()
            .startswith("database unavailable: POST /api/v1/notes/core: ")
        )
        # What was to be written is nobody's business.
        assert "INSERT" not in caplog.text
    engine.dispose()
    assert notes.get("/api/v1/notes").json == {"notes": 0}
    assert notes.post("/api/v1/notes/core").json == {}


@pytest.fixture
def on_postgresql(request, tmp_path):
    with (
        new_database("postgresql", request, tmp_path) as url,
        serving(tmp_path, "plugins.notes", sqlalchemy__url=url) as testapp,
    ):
        yield testapp


def test_it_answers_503_when_the_connection_is_lost_in_the_middle(on_postgresql):
    unavailable(on_postgresql.post("/api/v1/notes/die", status=503))
    assert on_postgresql.post("/api/v1/notes/core").json == {}
    assert on_postgresql.get("/api/v1/notes").json == {"notes": 1}


KILL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid != pg_backend_pid()
"""


def test_it_does_not_notice_connections_that_were_lost_meanwhile(on_postgresql):
    engine = create_engine(on_postgresql.app.registry.database.write_engine.url)
    on_postgresql.post("/api/v1/notes")
    for _ in range(2):
        with engine.begin() as other:
            # The one that writes, and the one that reads.
            assert len(other.execute(text(KILL)).all()) == 2
        assert on_postgresql.get("/api/v1/notes").json["notes"]
        assert on_postgresql.post("/api/v1/notes").json["inside"]
    engine.dispose()


def test_it_answers_503_when_the_file_of_the_database_is_gone(tmp_path):
    with serving(tmp_path, "plugins.notes") as testapp:
        file = tmp_path / "core.sqlite"
        file.rename(tmp_path / "away")
        file.mkdir()
        unavailable(testapp.get("/api/v1/notes", status=503))
        unavailable(testapp.post("/api/v1/notes/core", status=503))


def test_it_answers_503_when_the_database_is_read_only(tmp_path):
    url = f"sqlite:///file:{tmp_path / 'core.sqlite'}?uri=true"
    with serving(tmp_path, "plugins.notes", sqlalchemy__url=url) as testapp:
        registry = testapp.app.registry
        with registry.database.write_engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
        unavailable(testapp.post("/api/v1/notes/core", status=503))


def test_it_answers_503_while_postgresql_lets_nobody_write_and_then_goes_on(
    own_postgresql, tmp_path
):
    name = make_url(own_postgresql).database
    engine = create_engine(own_postgresql, isolation_level="AUTOCOMMIT")
    with (
        engine.connect() as operator,
        serving(tmp_path, "plugins.notes", sqlalchemy__url=own_postgresql) as testapp,
    ):
        operator.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
        testapp.app.registry.database.write_engine.dispose()
        unavailable(testapp.post("/api/v1/notes/core", status=503))
        operator.execute(text(f"ALTER DATABASE {name} RESET default_transaction_read_only"))
        testapp.post("/api/v1/notes/core")
    engine.dispose()


@pytest.mark.parametrize("invalidated", [True, False])
def test_it_knows_a_lost_connection_by_what_sqlalchemy_says(invalidated):
    error = DBAPIError("SELECT 1", {}, Exception("gone"), connection_invalidated=invalidated)
    response = database_error(error, TestRequest.blank("/"))
    assert response.status_int == (503 if invalidated else 500)


def test_it_answers_what_the_policy_says():
    refusal = Refused(401, "Unauthorized", 'Bearer realm="r"')
    told = []
    request = TestRequest.blank("/")
    request.registry = Registry("tests")
    request.registry.registerHandler(told.append, [AccessRefused])
    response = forbidden(HTTPForbidden(result=refusal), request)
    assert told == [(request, refusal)]
    assert response.status_int == 401
    assert response.json == {"message": "Unauthorized"}
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="r"'


@pytest.mark.parametrize("action", ["NO ACTION", "RESTRICT"])
def test_it_says_that_others_refer_to_it_whatever_the_key_says(own_database, action):
    engine = create_engine(own_database)

    @event.listens_for(engine, "connect")
    def demand(connection, _record):
        if engine.dialect.name == "sqlite":
            connection.execute("PRAGMA foreign_keys = ON")

    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (id int PRIMARY KEY)"))
        connection.execute(
            text(f"CREATE TABLE other (one_id int REFERENCES one (id) ON DELETE {action})")
        )
        connection.execute(text("INSERT INTO one VALUES (1)"))
        connection.execute(text("INSERT INTO other VALUES (1)"))
    with pytest.raises(IntegrityError) as refused, engine.begin() as connection:
        connection.execute(text("DELETE FROM one"))
    engine.dispose()
    assert database_error(refused.value, TestRequest.blank("/")).status_int == 409


def test_a_trigger_that_refuses_is_no_foreign_key():
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE one (id int)"))
        connection.execute(
            text("CREATE TRIGGER t BEFORE INSERT ON one BEGIN SELECT RAISE(ABORT, 'no'); END")
        )
    with pytest.raises(IntegrityError) as refused, engine.begin() as connection:
        connection.execute(text("INSERT INTO one VALUES (1)"))
    engine.dispose()
    assert database_error(refused.value, TestRequest.blank("/")).status_int == 500
