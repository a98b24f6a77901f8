"""Query strings, paths and methods, well-formed and not, over a plugin that echoes."""

import pytest
from core import refused, serving
from webob import Request

JSON = "application/json"


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("echo"), "plugins.echo") as testapp:
        yield testapp


def test_it_reads_a_query_that_nobody_encoded(echo):
    def get(query):
        environ = {"QUERY_STRING": query.decode("latin-1")}
        return echo.request("/api/v1/echo", environ=environ, expect_errors=True)

    assert set(refused(get(b"text=caf\xe9"))) == {"url"}
    assert get("text=café".encode()).json["text"] == "café"


def test_it_reads_the_query_string(echo):
    answer = echo.get("/api/v1/echo?size=5&size=x&text=caf%C3%A9&unknown=1").json
    assert answer == {"size": 5, "text": "café"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("size=x", "size"),
        ("size=1_0", "size"),
        ("size=%D9%A1", "size"),
        ("size=99999999999999999999", "size"),
        ("size=" + "9" * 5000, "size"),
        ("text=%00", "text"),
        ("x=%ff", "url"),
        ("%ff", "url"),
        ("text=%ed%a0%80", "url"),
    ],
)
def test_it_refuses_query_strings(echo, query, field):
    assert set(refused(echo.get(f"/api/v1/echo?{query}", status=400))) == {field}


@pytest.mark.parametrize("query", ["%", "%zz", "&&", "=", "?", "a=%&b=%2"])
def test_it_takes_percent_junk_in_a_query_as_it_is(echo, query):
    assert echo.get(f"/api/v1/echo?{query}").json == {"size": 1, "text": None}


@pytest.mark.parametrize("path", ["/%ff", "/api/v1/%ff", "/api/v1/echo/%ff", "/api/v1/echo/%c0%ae"])
def test_it_answers_400_to_a_path_that_is_not_utf_8(echo, path):
    assert set(refused(echo.get(path, status=400))) == {"url"}


@pytest.mark.parametrize(
    ("path", "name"),
    [("a%00b", "a\0b"), ("%25", "%"), ("caf%C3%A9", "café"), ("a%2Eb", "a.b"), ("%0a", "\n")],
)
def test_it_serves_odd_paths(echo, path, name):
    assert echo.get(f"/api/v1/echo/{path}").json == {"name": name}


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/nothing", "/api/v1/echo/", "/api/v1/echo/a/b", "/echo", "/%00", "/a//b"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "TRACE", "FOO"])
def test_it_answers_404_in_json_wherever_nothing_is(echo, method, path):
    response = Request.blank(path, method=method).get_response(echo.app)
    assert response.status_int == 404
    assert set(response.json) == {"message"}
    assert response.content_type == JSON


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "FOO", "get", "Post", "PUT", "DELETE"])
def test_it_answers_405_to_other_methods(echo, method):
    response = Request.blank("/api/v1/echo", method=method).get_response(echo.app)
    assert response.status_int == 405
    assert response.json == {"message": "The method is not allowed for the requested URL."}
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/echo", "GET, HEAD, OPTIONS, POST"),
        ("/echo/a", "DELETE, GET, HEAD, OPTIONS"),
        # Also of what strangers may not see: the methods are in the documentation.
        ("/restricted", "GET, HEAD, OPTIONS"),
    ],
)
def test_it_answers_options(echo, path, allow):
    response = echo.options(f"/api/v1{path}")
    assert (response.status_int, response.body) == (200, b"")
    assert response.headers["Allow"] == allow


@pytest.mark.parametrize("path", ["/api/v1/echo", "/api/v1/echo/absent", "/nothing"])
def test_it_answers_head_like_get(echo, path):
    get = echo.get(path, expect_errors=True)
    head = echo.head(path, expect_errors=True)
    assert head.status == get.status
    assert head.headers == get.headers
    assert head.body == b""


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "*/*", "", "\xff", "a/b;q=x"])
@pytest.mark.parametrize("path", ["/api/v1/echo", "/api/v1/echo/absent", "/nothing"])
def test_it_answers_in_json_whatever_the_client_accepts(echo, path, accept):
    response = echo.get(path, headers={"Accept": accept}, expect_errors=True)
    assert response.content_type == JSON
    assert response.json
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_it_looks_for_the_object_after_the_permission_and_before_the_fields(echo):
    assert echo.get("/api/v1/echo/absent", status=404).json == {"message": "absent not found."}
    assert echo.delete("/api/v1/echo/absent", status=404).json == {"message": "absent not found."}
    assert echo.delete("/api/v1/echo/present", status=204).body == b""


def test_it_closes_what_declares_no_permission(echo):
    assert echo.get("/api/v1/restricted", status=403).json == {"message": "Forbidden"}


# A schema that asks the database, which is not there yet when the service begins.
ASKING = """
import colander
from pyramid.security import NO_PERMISSION_REQUIRED
from sqlalchemy import text
from widget_service.fields import WholeNumber
from widget_service.rest import Service

def tables(_node, kw):
    counted = text("SELECT count(*) AS number FROM sqlite_schema")
    (row,) = kw["registry"].database.read(counted)
    return row.number

class Query(colander.MappingSchema):
    @colander.instantiate()
    class querystring(colander.MappingSchema):
        tables = colander.SchemaNode(WholeNumber(), missing=colander.deferred(tables))

asking = Service("asking", "/asking")

@asking.get(permission=NO_PERMISSION_REQUIRED, schema=Query())
def get_asking(request):
    return request.validated["querystring"]

def includeme(config):
    config.include("widget_service")
    config.add_rest_service(asking)
"""


def test_a_schema_may_ask_the_database(tmp_path, write_plugin):
    write_plugin("asking", ASKING)
    with serving(tmp_path, "asking", "plugins.notes") as testapp:
        assert testapp.get("/api/v1/asking").json["tables"] > 0
