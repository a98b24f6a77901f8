"""Bytes on a socket that no HTTP library would send, to the service as it is delivered.

Whatever they are, there is an answer of the class 4xx or the connection is closed, and others are
served meanwhile.
"""

import contextlib
import http.client
import json
import resource
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from processes import PATIENCE, ask, free_port, ini_file, serving

KEY = {"WIDGET_SERVICE_JWT_PRIVATE_KEY": "0123456789abcdef-only-tests-sign-with-it"}
# How long the server waits for a client, in seconds; shorter than it is delivered with.
TIMEOUT = 2
WIDGETS = b"/api/v1/widgets"
GET = b"GET " + WIDGETS + b" HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\n"
FORM = POST + b"Content-Type: application/x-www-form-urlencoded\r\n"
CHUNKED = FORM + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = b"email=a%40example.com&password=x"
LENGTH = b"Content-Length: %d\r\n"
# What somebody hides in a request for a server that sees two in it.
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n"
IDLE = 1000


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sockets")
    found = free_port()
    section = "[server:main]\n"
    patience = f"{section}channel_timeout = {TIMEOUT}\ncleanup_interval = 1\n"
    ini = ini_file("production.ini", directory, (section, patience), port=found)
    variables = {**KEY, "WIDGET_SERVICE_DATABASE_MIGRATE_AT_START": "true"}
    with serving("pserve", "-q", ini, cwd=directory, port=found, **variables) as server:
        yield found
        assert "Traceback" not in server.stderr.read_text()


@pytest.fixture(autouse=True)
def serves_on(port):
    """Whatever somebody sent, others are answered."""
    yield
    assert ask(port, "GET", WIDGETS.decode())[0] == 401


@pytest.fixture(scope="module")
def talk(port):
    """A function that sends bytes; what comes back until the server closes."""

    def send(*parts, end=False):
        with socket.create_connection(("localhost", port), timeout=PATIENCE) as client:
            # The server may answer and close before it has heard everything.
            with contextlib.suppress(ConnectionError):
                for part in parts:
                    client.sendall(part)
                if end:
                    client.shutdown(socket.SHUT_WR)
            return everything(client)

    return send


@pytest.fixture(scope="module")
def answers(talk):
    """What comes back to each of REFUSED. At once: the server waits for what some do not send."""
    with ThreadPoolExecutor(len(REFUSED)) as threads:
        return dict(zip(REFUSED, threads.map(talk, REFUSED.values()), strict=True))


def everything(client):
    """All that a server sends before it closes."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(65536):
            received += data
    return received


def statuses(received):
    """The status of each answer; each has one of the shapes of a refusal."""
    found = []
    while received:
        head, _empty, received = received.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        version, status, _reason = first.split(b" ", 2)
        assert version in (b"HTTP/1.0", b"HTTP/1.1")
        headers = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
        length = int(headers[b"content-length"])
        body, received = received[:length], received[length:]
        assert headers[b"content-type"] == b"application/json", head
        assert set(json.loads(body)) in ({"message"}, {"status", "message"}, {"message", "errors"})
        assert b"server" not in headers
        found.append(int(status))
    return found


def form(*headers, body=BODY):
    return FORM + b"".join(headers) + b"\r\n" + body


CLOSE = b"Connection: close\r\n"
REFUSED = {
    "nothing": b"",
    "an empty line": b"\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS\r\n\r\n",
    "garbage": bytes(range(256)) * 4 + b"\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nConnection: close\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a lower case method": b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a space before the colon": GET + b"Authorization : x\r\n\r\n",
    "a folded header": GET + b"X: a\r\n b\r\n" + CLOSE + b"\r\n",
    "no colon": GET + b"X\r\n\r\n",
    "an empty name": GET + b": x\r\n\r\n",
    "NUL in a name": GET + b"X\0Y: x\r\n\r\n",
    "NUL in a value": GET + b"X: a\0b\r\n\r\n",
    "NUL in the target": b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n" + CLOSE + b"\r\n",
    "CR in a value": GET + b"X: a\rb\r\n\r\n",
    "LF in a value": GET + b"X: a\nb\r\n\r\n",
    "bare LF": (GET + CLOSE + b"\r\n").replace(b"\r\n", b"\n"),
    "two hosts": GET + b"Host: example.com\r\n" + CLOSE + b"\r\n",
    "no host that there is": b"GET / HTTP/1.1\r\nHost: <>\r\n" + CLOSE + b"\r\n",
    "one long header": GET + b"X: " + b"x" * 300_000 + b"\r\n\r\n",
    "many headers": GET + b"".join(b"X%d: x\r\n" % n for n in range(30_000)) + b"\r\n",
    "a long target": b"GET /" + b"x" * 300_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "two lengths": form(LENGTH % 3, LENGTH % len(BODY)),
    "two equal lengths": form(LENGTH % len(BODY), LENGTH % len(BODY)),
    "a list of lengths": form(b"Content-Length: 3, 3\r\n"),
    "a negative length": form(b"Content-Length: -1\r\n"),
    "a signed length": form(b"Content-Length: +3\r\n"),
    "a length in words": form(b"Content-Length: x\r\n"),
    "a length in other digits": form("Content-Length: ٣\r\n".encode()),
    "a length of 5,000 digits": form(b"Content-Length: " + b"9" * 5000 + b"\r\n"),
    "a huge length": form(LENGTH % 2**64),
    "a length and chunks": form(
        b"Transfer-Encoding: chunked\r\n", LENGTH % 3, body=b"0\r\n\r\n" + HIDDEN
    ),
    "chunks and a length": form(
        LENGTH % 5, b"Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n" + HIDDEN
    ),
    "another coding": form(b"Transfer-Encoding: gzip\r\n"),
    "chunked, then another": form(b"Transfer-Encoding: chunked, identity\r\n"),
    "xchunked": form(b"Transfer-Encoding: xchunked\r\n"),
    "chunked twice": form(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    "chunked by HTTP/1.0": form(b"Transfer-Encoding: chunked\r\n", body=b"0\r\n\r\n" + HIDDEN)
    .replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "a size that is none": CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n",
    "a negative size": CHUNKED + b"-1\r\nabc\r\n0\r\n\r\n",
    "a prefixed size": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "a huge size": CHUNKED + b"f" * 40 + b"\r\nabc\r\n0\r\n\r\n",
    "a chunk that is longer": CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
    "chunks without an end": CHUNKED + b"3\r\nabc\r\n",
    "less than the length": form(LENGTH % 1000),
    "half a header": GET + b"X: ",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_refuses_or_hangs_up(answers, name):
    found = statuses(answers[name])
    assert [status for status in found if not 400 <= status < 500] == []
    # Nobody finds a second request in it.
    assert len(found) <= 1


@pytest.mark.parametrize("target", [b"http://localhost", b"http://other.example:1", b"HTTP://a"])
def test_it_answers_absolute_targets(talk, target):
    received = talk(b"GET " + target + WIDGETS + b" HTTP/1.1\r\nHost: a\r\n" + CLOSE + b"\r\n")
    assert statuses(received) == [401]


@pytest.mark.parametrize("target", [b"*", b"//", b"/..//../etc/passwd", b"localhost:80", b"x"])
@pytest.mark.parametrize("method", [b"GET", b"CONNECT", b"TRACE"])
def test_it_finds_nothing_at_other_targets(talk, method, target):
    line = method + b" " + target + b" HTTP/1.1\r\nHost: localhost\r\n"
    assert statuses(talk(line + CLOSE + b"\r\n"))[0] in (400, 404, 405)


@pytest.mark.parametrize("headers", [b"", b"Connection: close\r\n", b"Host: localhost\r\n"])
def test_it_speaks_http_1_0(talk, headers):
    assert statuses(talk(b"GET " + WIDGETS + b" HTTP/1.0\r\n" + headers + b"\r\n")) == [401]


def test_it_answers_pipelined_requests_in_their_order(talk):
    nothing = GET.replace(WIDGETS, b"/nothing")
    received = talk((GET + b"\r\n" + nothing + b"\r\n") * 50 + GET + CLOSE + b"\r\n")
    assert statuses(received) == [401, 404] * 50 + [401]


def test_it_keeps_the_body_of_one_request_from_the_next(talk):
    sent = form(LENGTH % len(HIDDEN), body=HIDDEN)
    assert statuses(talk(sent * 3 + GET + CLOSE + b"\r\n")) == [400] * 3 + [401]


@pytest.mark.parametrize(
    "chunks",
    [
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
        b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n",
        b"%X;name=value\r\n%b\r\n0\r\nTrailer: x\r\n\r\n" % (len(BODY), BODY),
    ],
    ids=["one", "many", "extended"],
)
def test_it_reads_chunks(talk, chunks):
    assert statuses(talk(CHUNKED.replace(b"\r\n\r\n", b"\r\n" + CLOSE + b"\r\n") + chunks)) == [401]


def test_it_hears_a_slow_client_out(talk):
    whole = form(LENGTH % len(BODY), CLOSE)
    assert statuses(talk(*(whole[index : index + 1] for index in range(len(whole))))) == [401]


def test_it_answers_a_client_that_has_nothing_more_to_say(talk):
    received = talk(form(LENGTH % len(BODY)), end=True)
    # Or hangs up: a client that closes one direction may have closed both.
    assert statuses(received) in ([401], [])


@pytest.mark.parametrize("size", [70_000, 2**17 - 1, 2**17 + 1, 2**40])
def test_it_refuses_a_large_body_before_it_is_there(port, size):
    with socket.create_connection(("localhost", port), timeout=PATIENCE) as client:
        client.sendall(form(LENGTH % size, b"Expect: 100-continue\r\n", CLOSE, body=b""))
        if size < 2**17:
            # Below the server's own limit, it is the service that answers, when it is there.
            client.sendall(bytes(size))
        received = everything(client).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert statuses(received) == [413]


def test_it_refuses_endless_chunks(port):
    with socket.create_connection(("localhost", port), timeout=PATIENCE) as client:
        client.sendall(CHUNKED)
        with contextlib.suppress(ConnectionError):
            for _each in range(1000):
                client.sendall(b"10000\r\n" + bytes(65536) + b"\r\n")
        received = everything(client)
    # The kernel may have thrown the answer away with what was not read.
    assert statuses(received) in ([413], [])


def test_it_serves_others_while_a_thousand_do_nothing(port):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * IDLE)), hard))
    with contextlib.ExitStack() as idle:
        for number in range(IDLE):
            client = idle.enter_context(socket.create_connection(("localhost", port), PATIENCE))
            # Half of them have begun to say something.
            client.sendall(GET if number % 2 else b"")
        # Each of these gives up after its own time.
        for _each in range(20):
            assert ask(port, "GET", WIDGETS.decode())[0] == 401
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_it_survives_clients_that_leave_without_listening(port):
    for _each in range(50):
        with socket.create_connection(("localhost", port), timeout=PATIENCE) as client:
            # A reset instead of an orderly end.
            linger = b"\1\0\0\0\0\0\0\0"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.sendall((GET + b"\r\n") * 20)
    connection = http.client.HTTPConnection("localhost", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", WIDGETS.decode())
        assert connection.getresponse().status == 401
