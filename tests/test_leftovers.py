"""What is left of a body: taken in where a server would close the connection otherwise."""

from io import BytesIO

import pytest
from core import serving
from webob import Request

from widget_service.leftovers import PIECE, WORTH

LIMIT = 2048
TERMINATED = {"wsgi.input_terminated": True}
CHUNKED = {**TERMINATED, "HTTP_TRANSFER_ENCODING": "chunked"}


class Stream:
    """A body as it arrives, which does not say how long it is, or where it is."""

    def __init__(self, length):
        self.left = length
        self.reads = 0

    def read(self, size):
        self.reads += 1
        piece = b"a" * min(size, self.left)
        self.left -= len(piece)
        return piece


class Broken(Stream):
    """One that breaks off."""

    def read(self, size):
        super().read(size)
        raise RuntimeError("no chunk")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    directory = tmp_path_factory.mktemp("echo")
    with serving(directory, "plugins.echo", rest__max_body_size=str(LIMIT)) as testapp:
        yield testapp.app


def send(app, stream, environ, path="/api/v1/echo", method="POST"):
    """The status of the answer to a request with a body that nobody has read in advance."""
    request = Request.blank(path, method=method)
    request.environ.update({"wsgi.input": stream, **environ})
    return request.get_response(app).status_int


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/api/v1/absent", "POST", 404),
        ("/api/v1/absent", "GET", 404),
        ("/api/v1/echo", "PUT", 405),
        ("/api/v1/echo", "POST", 413),
    ],
)
@pytest.mark.parametrize("length", [LIMIT + 1, 200_000, WORTH])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_nothing_is_left(app, path, method, status, length, is_chunked):
    stream = Stream(length)
    environ = CHUNKED if is_chunked else {**TERMINATED, "CONTENT_LENGTH": str(length)}
    assert send(app, stream, environ, path, method) == status
    assert not stream.left


def test_what_is_endless_is_not_read_on_for_ever(app):
    stream = Stream(10 * WORTH)
    assert send(app, stream, CHUNKED) == 413
    assert 9 * WORTH - PIECE <= stream.left <= 9 * WORTH


def test_a_body_may_be_as_large_as_the_service_reads(tmp_path):
    with serving(tmp_path, "plugins.echo", rest__max_body_size=str(WORTH)) as testapp:
        stream = Stream(2 * WORTH)
        assert send(testapp.app, stream, CHUNKED, "/api/v1/absent") == 404
    assert not stream.left


def test_where_it_breaks_off_the_answer_is_the_same(app):
    stream = Broken(1000)
    assert send(app, stream, CHUNKED, "/api/v1/absent") == 404
    assert stream.reads == 1


@pytest.mark.parametrize(
    "environ",
    [
        # There is no body.
        {**TERMINATED},
        {**TERMINATED, "CONTENT_LENGTH": ""},
        # Nobody knows where the stream ends.
        {"CONTENT_LENGTH": "1000"},
    ],
)
def test_a_server_is_asked_for_nothing_that_it_may_not_have(app, environ):
    stream = Stream(1000)
    assert send(app, stream, environ, "/api/v1/absent") == 404
    assert not stream.reads


def test_what_a_server_has_already_is_left_to_it(app):
    body = BytesIO(b"a" * 1000)
    environ = {**TERMINATED, "CONTENT_LENGTH": "1000"}
    assert send(app, body, environ, "/api/v1/absent") == 404
    assert not body.tell()
