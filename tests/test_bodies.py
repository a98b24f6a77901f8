"""Bodies of requests, well-formed and not, over a plugin that echoes."""

from io import BytesIO

import pytest
from core import refused, serving
from webob import Request

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=xxx"
LIMIT = 2048
EMPTY = {"text": None, "tags": [], "more": []}


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    directory = tmp_path_factory.mktemp("echo")
    with serving(directory, "plugins.echo", rest__max_body_size=str(LIMIT)) as testapp:
        yield testapp


def send(testapp, body, content_type, **environ):
    """POST ``body`` as it is."""
    return testapp.request(
        "/api/v1/echo",
        method="POST",
        body=body,
        content_type=content_type,
        environ=environ,
        expect_errors=True,
    )


def part(name, value, more="", headers=""):
    return (
        f'--xxx\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{headers}\r\n{value}\r\n'
    )


def multipart(*parts):
    return ("".join(parts) + "--xxx--\r\n").encode()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (FORM, b"text=caf%C3%A9&tags=a+b&unknown=x"),
        (FORM, "text=café&tags=a,b".encode()),
        (f"{FORM}; charset=UTF-8", b"text=caf%C3%A9&tags=a+b"),
        (f'{FORM.upper()};charset="utf8"', b"text=caf%C3%A9&tags=a+b"),
        # Old clients name it unasked, and send ASCII.
        (f"{FORM}; charset=ISO-8859-1", b"text=caf%C3%A9&tags=a+b"),
        (JSON, '{"text": "café", "tags": "a b", "unknown": [1, 2.5, null]}'.encode()),
        (f"{JSON}; charset=utf_8", b'{"text": "caf\\u00e9", "tags": "a b"}'),
        (MULTIPART, multipart(part("text", "café"), part("tags", "a b"), part("unknown", "x"))),
        (
            MULTIPART,
            multipart(
                # What a part says of itself is not believed.
                part("text", "café", headers="Content-Type: text/plain; charset=bogus\r\n"),
                part("tags", "a b"),
            ),
        ),
    ],
)
def test_it_reads_forms_and_json_by_one_schema(echo, content_type, body):
    assert send(echo, body, content_type).json == {**EMPTY, "text": "café", "tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(FORM, b"text=1&text=2"), (MULTIPART, multipart(part("text", "1"), part("text", "2")))],
)
def test_it_takes_the_first_of_repeated_fields(echo, content_type, body):
    assert send(echo, body, content_type).json["text"] == "1"


@pytest.mark.parametrize("content_type", [FORM, JSON, "text/plain", "", "application/xml"])
def test_it_takes_an_empty_body_for_no_fields(echo, content_type):
    assert send(echo, b"", content_type).json == EMPTY


def test_it_takes_percent_junk_in_a_form_as_it_is(echo):
    assert send(echo, b"text=100%&tags=%zz&&=&x", FORM).json["text"] == "100%"


def test_it_never_takes_body_fields_from_the_query_string(echo):
    assert echo.post("/api/v1/echo?text=query", {"tags": "a"}).json == {**EMPTY, "tags": ["a"]}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b"{"),
        (JSON, b"[]"),
        (JSON, b'"text"'),
        (JSON, b"1"),
        (JSON, b"null"),
        (JSON, b" "),
        (JSON, b'{"text": "a"} {}'),
        (JSON, b"{'text': 'a'}"),
        (JSON, b'{"text": "\xff"}'),
        (JSON, '{"text": "a"}'.encode("utf-16")),
        (JSON, b'\xef\xbb\xbf{"text": "a"}'),
        (JSON, b'{"text": NaN}'),
        (JSON, b'{"more": {"x": -Infinity}}'),
        (JSON, b'{"text": 01}'),
        (JSON, b'{"text": "\n"}'),
        (FORM, b"text=\xff"),
        (FORM, b"text=%ff"),
        (FORM, b"%ff=text"),
        (FORM, b"&".join([b"a"] * 1001)),
        ("multipart/form-data", b"text=a"),
        ("multipart/form-data; boundary=", multipart(part("text", "a"))),
        ("multipart/form-data; boundary=yyy", multipart(part("text", "a"))),
        (MULTIPART, b""" """),
        (MULTIPART, multipart(part("text", "a"))[:-8]),
        (MULTIPART, multipart(part("text", "a")).replace(b"a\r", b"\xff\r")),
        (MULTIPART, multipart(part("text", "a")).replace(b"Content-Disposition", b"X")),
        (MULTIPART, multipart(part("text", "a")).replace(b"\r\n", b"\n")),
    ],
)
def test_it_refuses_a_body_that_is_not_what_it_says(echo, content_type, body):
    assert set(refused(send(echo, body, content_type))) == {"body"}


def test_it_refuses_a_form_of_too_many_parts(tmp_path):
    with serving(tmp_path, "plugins.echo", rest__max_body_size="1000000") as testapp:
        body = multipart(*[part("text", "a")] * 1001)
        assert set(refused(send(testapp, body, MULTIPART))) == {"body"}


# Deep enough for the parser, for whoever walks what it made, or for neither.
@pytest.mark.parametrize("depth", [33, *range(800, 1000, 8), 100_000])
@pytest.mark.parametrize("brackets", ["[]", ('{"a":', "}")])
def test_it_refuses_deep_nesting(deep, depth, brackets):
    opening, closing = brackets
    body = f'{{"more": {opening * depth}{"" if opening == "[" else 1}{closing * depth}}}'.encode()
    assert set(refused(send(deep, body, JSON))) == {"body"}


@pytest.fixture(scope="module")
def deep(tmp_path_factory):
    directory = tmp_path_factory.mktemp("deep")
    with serving(directory, "plugins.echo", rest__max_body_size="1000000") as testapp:
        yield testapp


def test_it_reads_moderate_nesting(echo):
    body = b'{"text": "a", "more": {"x": ' + b"[" * 30 + b"]" * 30 + b"}}"
    assert send(echo, body, JSON).json["more"] == ["x"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"text": 1}'),
        (JSON, b'{"text": ' + b"9" * 1900 + b"}"),
        (JSON, b'{"text": 1e999999999}'),
        (JSON, b'{"text": true}'),
        (JSON, b'{"text": ["a"]}'),
        (JSON, b'{"text": {}}'),
        (JSON, b'{"text": "\\ud800"}'),
        (JSON, b'{"text": "a\\u0000b"}'),
        (FORM, b"text=a%00b"),
        (MULTIPART, multipart(part("text", "a", '; filename="a.txt"'))),
        (MULTIPART, multipart(part("text", "a\0b"))),
    ],
)
def test_it_names_the_field_whose_value_is_no_text(echo, content_type, body):
    assert set(refused(send(echo, body, content_type))) == {"text"}


@pytest.mark.parametrize(
    "body", [b'{"tags": "a \\u0000"}', b'{"tags": "\\udfff b"}', b'{"tags": "caf\\u00e9,\\ud83d"}']
)
def test_it_looks_for_what_cannot_be_stored_in_lists(echo, body):
    assert set(refused(send(echo, body, JSON))) == {"tags"}


@pytest.mark.parametrize("value", [r"\u0000", r"\ud800"])
def test_it_looks_for_what_cannot_be_stored_in_sets(echo, value):
    assert set(refused(send(echo, f'{{"once": ["{value}"]}}'.encode(), JSON))) == {"once"}


@pytest.mark.parametrize("value", [r"\u0000", r"\ud800"])
def test_it_looks_for_what_cannot_be_stored_in_objects(echo, value):
    body = f'{{"text": "a", "more": {{"x": [["{value}"]]}}}}'
    assert set(refused(send(echo, body.encode(), JSON))) == {"more"}


def test_it_keeps_pairs_of_surrogates(echo):
    assert send(echo, b'{"text": "\\ud83d\\ude00"}', JSON).json["text"] == "😀"


def test_it_answers_415_to_text_in_another_charset(echo):
    response = send(echo, b'{"text": "caf\xe9"}', f"{JSON}; charset=latin-1")
    assert response.status_int == 415


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "application/vnd.api+json",
        "application/octet-stream",
        f"{JSON}, {JSON}",
        f"{JSON}; charset=latin-2",
        f"{FORM}; charset=bogus",
        f"{FORM}; charset=utf-16",
        "multipart/mixed; boundary=xxx",
        "json",
        ";",
        "\xff",
        "",
    ],
)
def test_it_answers_415_to_other_content_types(echo, content_type):
    response = send(echo, b'{"text": "a"}', content_type)
    assert response.status_int == 415
    assert set(response.json) == {"message"}
    # RFC 9110, 15.5.16
    assert response.headers["Accept"] == f"{FORM}, multipart/form-data, {JSON}"


def test_it_says_how_many_fields_a_form_may_have(echo):
    errors = refused(send(echo, b"&" * 1500, FORM))
    said = "The request body is not a valid form in UTF-8, of 1000 fields at most"
    assert errors == {"body": said}


@pytest.mark.parametrize("coding", ["gzip", "br", "GZIP", "identity, gzip", "bogus"])
def test_it_answers_415_to_what_is_compressed(echo, coding):
    headers = {"Content-Encoding": coding}
    # It looks like JSON, which is not believed.
    response = echo.post(
        "/api/v1/echo", b'{"text": "a"}', headers | {"Content-Type": JSON}, status=415
    )
    assert response.json == {"message": "The request body must not be compressed."}
    # RFC 9110, 12.5.3
    assert response.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("coding", ["", "identity", "Identity"])
def test_it_reads_what_is_not_compressed(echo, coding):
    headers = {"Content-Encoding": coding, "Content-Type": JSON}
    assert echo.post("/api/v1/echo", b'{"text": "a"}', headers).json["text"] == "a"


def test_it_answers_413_above_the_limit(echo):
    assert send(echo, b"a" * LIMIT, FORM).status_int == 200
    response = send(echo, b"a" * (LIMIT + 1), FORM)
    assert response.status_int == 413
    assert response.json == {"message": "The request body is larger than 2048 bytes."}


class Endless(BytesIO):
    """A body that a server passes on as it comes, and that must not be read to its end."""

    def read(self, size=-1):
        assert 0 <= size <= LIMIT + 1
        return b"a" * size


def streamed(testapp, stream, length):
    """POST what a server reads from the network, and WebTest would read in advance."""
    request = Request.blank("/api/v1/echo", method="POST", content_type=FORM)
    request.environ.update({"wsgi.input": stream, "webob.is_body_seekable": False, **length})
    return request.get_response(testapp.app)


CHUNKED = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}


def test_it_reads_a_chunked_body(echo):
    assert streamed(echo, BytesIO(b"text=a"), CHUNKED).json["text"] == "a"


def test_it_reads_no_more_of_a_chunked_body_than_is_allowed(echo):
    assert streamed(echo, Endless(), CHUNKED).status_int == 413


def test_it_refuses_a_body_that_breaks_off(echo):
    response = streamed(echo, BytesIO(b"text=a"), {"CONTENT_LENGTH": "100"})
    assert set(refused(response)) == {"body"}


class Broken:
    """A body of a server that has errors of its own."""

    def read(self, _size):
        raise RuntimeError("no chunk")


def test_it_refuses_a_body_that_the_server_cannot_read(echo):
    assert set(refused(streamed(echo, Broken(), CHUNKED))) == {"body"}


def test_it_reads_no_more_than_the_content_length(echo):
    response = streamed(echo, BytesIO(b"text=a&text=b"), {"CONTENT_LENGTH": "6"})
    assert response.json["text"] == "a"


@pytest.mark.parametrize("length", ["abc", "-1", ""])
def test_it_takes_a_content_length_that_is_none_for_no_body(echo, length):
    assert streamed(echo, BytesIO(b"text=a"), {"CONTENT_LENGTH": length}).json == EMPTY
