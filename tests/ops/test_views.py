"""What load balancers are told."""

import pytest
from sqlalchemy import text

from widget_service.ops.health import BEHIND, UNREACHABLE
from widget_service.serving import DRAINING
from widget_service.testing import PLUGINS, Client, application, ini_text

ALIVE, READY, VERSION = "/__lbheartbeat__", "/__heartbeat__", "/__version__"


@pytest.fixture
def own(own_database, tmp_path):
    """An application with a database that no other test uses."""
    app = application(ini_text(own_database, ["widget_service.ops", *PLUGINS]), tmp_path)
    yield Client(app)
    app.registry.database.close()


def change(client, statement):
    with client.registry.database.write_engine.begin() as connection:
        connection.execute(text(statement))


def readiness(client):
    response = client.get(READY, status="*")
    assert response.headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in response.headers) == (response.status_int == 503)
    return response.status_int, response.json["message"]


def test_it_is_ready(own):
    assert readiness(own) == (200, "ready")


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("DROP TABLE alembic_version", (503, UNREACHABLE)),
        ("DELETE FROM alembic_version", (503, BEHIND)),
        ("UPDATE alembic_version SET version_num = 'of_tomorrow'", (200, "ready")),
        ("INSERT INTO alembic_version VALUES ('of_others')", (200, "ready")),
    ],
    ids=["no database", "behind", "ahead", "another's"],
)
def test_it_is_ready_as_long_as_the_database_can_serve(own, statement, answer):
    if statement.startswith("UPDATE"):
        # A newer release has one revision after each of ours; one stands for them.
        change(own, "DELETE FROM alembic_version")
        statement = "INSERT INTO alembic_version VALUES ('of_tomorrow')"
    change(own, statement)
    assert readiness(own) == answer


def test_it_is_not_ready_when_the_server_is_about_to_stop(own):
    own.extra_environ[DRAINING] = True
    assert readiness(own) == (503, "The process is about to stop.")
    assert own.get(ALIVE).json == {"message": "alive"}


def test_it_is_alive_without_a_database(own):
    change(own, "DROP TABLE alembic_version")
    assert own.get(ALIVE).json == {"message": "alive"}


def test_it_says_which_release_it_is(own):
    assert own.get(VERSION).json == {"name": "widget_service", "version": "1.0.0"}


@pytest.mark.parametrize("path", [ALIVE, READY, VERSION])
def test_it_keeps_to_the_methods_of_the_service(own, path):
    assert own.head(path).body == b""
    assert own.options(path).headers["Allow"] == "GET, HEAD, OPTIONS"
    refused = own.post(path, status=405)
    assert (refused.headers["Allow"], list(refused.json)) == ("GET, HEAD, OPTIONS", ["message"])


def test_it_is_where_the_operator_wants_it(tmp_path):
    ini = ini_text(
        f"sqlite:///{tmp_path}/x.sqlite",
        ["widget_service.ops", *PLUGINS],
        {"ops.ready_path": "/health/ready"},
    )
    app = application(ini, tmp_path)
    client = Client(app)
    assert client.get("/health/ready").json == {"message": "ready"}
    assert client.get(READY, status=404).json
    app.registry.database.close()


def test_it_is_no_part_of_the_api(own):
    assert not [path for path in own.get("/api/v1/swagger.json").json["paths"] if "__" in path]
