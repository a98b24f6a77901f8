"""Heads of requests and answers: read and written as waitress reads and writes them."""

from types import SimpleNamespace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.task import WSGITask

from widget_service.serving.channels import Drain, Parser, Task

FOUND = [
    "first_line",
    "command",
    "request_uri",
    "version",
    "url_scheme",
    "proxy_scheme",
    "proxy_netloc",
    "path",
    "query",
    "fragment",
    "connection_close",
    "expect_continue",
    "chunked",
    "content_length",
]


def parsed(parser_class, head):
    """What a parser finds in the head of a request, or that it refuses it."""
    parser = parser_class(Adjustments(url_scheme="https"))
    try:
        parser.parse_header(head)
    except (ParsingError, TransferEncodingNotImplemented):
        return "refused"
    found = {name: getattr(parser, name) for name in FOUND}
    found |= {"headers": {**parser.headers}, "body": bool(parser.body_rcv)}
    # Nobody else may see what somebody adds.
    parser.headers["CONNECTION"] = parser.headers["X_ADDED"] = "close"
    return found


def joined(parts, separator=""):
    return st.lists(st.sampled_from(parts), max_size=4).map(separator.join)


def mostly(usual, unusual):
    return st.one_of(st.just(usual), st.sampled_from(unusual))


METHODS = mostly("GET", ["HEAD", "POST", "X-Y", "get", "", "G\xe9T"])
TARGETS = st.one_of(
    joined(["/", "//", "a", "%41", "%", "%e9", "?", "#", "&b=1", ":", "@", "[", '"', "\\", ";"]),
    joined(["/", "a", "?", "\t", "\x0b", "\x7f", "\xe9", "http://", "http://h", "*", " "]),
).map(lambda target: f"/{target}" if target[:1] not in "h*" else target)
VERSIONS = mostly(" HTTP/1.1", [" HTTP/1.0", " HTTP/2.0", " HTTP/1.1 ", "", " http/1.1"])
USUAL = ["Host: a", "Accept: b", "accept:  c\t", "Connection: close", "Connection: keep-alive"]
UNUSUAL = [
    "X_Y: d",
    "X-Z: \xe9",
    " folded",
    "Content-Length: 0",
    "Content-Length: 3",
    "Content-Length: +3",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Transfer-Encoding:",
    "Expect: 100-continue",
    "no colon",
    "bad name: f",
    "Bare: g\nh",
    f"Long: {'i' * 2100}",
]
FIELDS = st.one_of(joined(USUAL, "\r\n"), joined(USUAL + UNUSUAL, "\r\n"))


@settings(max_examples=500)
@given(METHODS, TARGETS, VERSIONS, FIELDS)
@example("GET", "/a%20b?c=d", " HTTP/1.1", "Host: a\r\nAccept: b")
@example("GET", "/a#b?c", " HTTP/1.1", "Host: a")
@example("GET", "/a?b#c", " HTTP/1.1", "Host: a")
@example("GET", "//a/b", " HTTP/1.1", "Host: a")
@example("POST", "/a", " HTTP/1.1", "Content-Length: 3")
@example("POST", "/a", " HTTP/1.1", "Expect: 100-continue")
def test_it_reads_the_head_of_a_request_as_waitress_does(method, target, version, fields):
    end = "\r\n" if fields else ""
    head = f"{method} {target}{version}\r\n{fields}{end}\r\n"
    expected = parsed(HTTPRequestParser, head.encode("latin-1"))
    # The second time it may be remembered.
    for _each in range(2):
        found = parsed(Parser, head.encode("latin-1"))
        assert found == expected or (found == "refused" and "Transfer-Encoding:" in fields)


USUALLY_SENT = [
    ("content-type", "application/json"),
    ("ETag", '"1-1"'),
    ("X-A-B", "c"),
    ("Set-Cookie", "b"),
    ("Set-Cookie", "a"),
]
SENT = [
    *USUALLY_SENT,
    ("Date", "Mon, 23 Nov 2026 15:04:05 GMT"),
    ("Server", "d"),
    ("Via", "\xe9"),
]
HEADERS = st.one_of(
    st.lists(st.sampled_from(USUALLY_SENT), max_size=4).map(
        lambda sent: [*sent, ("Content-Length", "3")]
    ),
    st.lists(st.sampled_from([*SENT, ("Content-Length", "3")]), max_size=4),
)


@settings(max_examples=500)
@given(
    HEADERS,
    mostly("200 OK", ["204 No Content", "304 Not Modified", "404 Not Found"]),
    mostly("1.1", ["1.0", "2.0"]),
    st.sampled_from([{}, {"CONNECTION": "Close"}, {"CONNECTION": "Keep-Alive"}]),
    mostly("", ["ident"]),
    st.sampled_from([None, 3]),
)
@example([*USUALLY_SENT, ("Content-Length", "3")], "200 OK", "1.1", {}, "", 3)
def test_it_writes_the_head_of_an_answer_as_waitress_does(
    headers, status, version, asked, ident, length
):
    def made(task_class):
        server = SimpleNamespace(drain=Drain(), adj=SimpleNamespace(ident=ident))
        channel = SimpleNamespace(server=server, head=b"")
        task = task_class(channel, SimpleNamespace(version=version, headers=dict(asked)))
        task.status, task.start_time, task.content_length = status, 1_795_000_000.9, length
        task.response_headers = [*headers]
        return (task.build_response_header() or channel.head), task.close_on_finish

    own, (head, ends) = made(Task), made(WSGITask)
    if status[:3] in ("204", "304") and own != (head, ends):
        # Waitress hangs up after them, though nobody asked for it and nothing is to follow.
        assert (version, asked.get("CONNECTION")) != ("1.1", "Close")
        head, ends = head.replace(b"Connection: close\r\n", b""), False
    assert own == (head, ends)
