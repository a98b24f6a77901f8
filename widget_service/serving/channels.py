"""What is heard and said on a connection: waitress's parser, tasks and channel.

They are waitress's own, but stricter where two servers may not see the same end of a request, and
quicker with the requests and answers that nearly all of them are. Whatever is out of the ordinary
is left to waitress.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress
from functools import lru_cache
from operator import itemgetter
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import (
    HTTPRequestParser,
    ParsingError,
    TransferEncodingNotImplemented,
    unquote_bytes_to_wsgi,
)
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest, Error, build_http_date

from widget_service.rendering import dump_json
from widget_service.serving import DRAINING, proxies
from widget_service.tweens import cors
from widget_service.tweens.headers import ALWAYS, JSON_POLICY

# What is no request line would take waitress's expression the cube of its length, and blanks in a
# row the square of theirs, in the thread that serves everybody. A field may go on in the next line.
REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]+(?: HTTP/[0-9]\.[0-9])?")
BLANKS = re.compile(rb"(?:(?:\r\n)?[ \t]){64}")
# No body, HTTP/1.1 and a path, perhaps with a query, in ASCII.
ORDINARY = re.compile(rb"(GET|HEAD|OPTIONS|DELETE) ((/[!-\"$->@-~]*)(?:\?([!-\"$-~]*))?) HTTP/1\.1")
# A client sends the same header fields again and again. Those of so many requests are remembered,
# if they have no more bytes than that.
REMEMBERED = 500
LARGEST_REMEMBERED = 2048
MOST_FIELDS = 40
# Fields that say how to read on.
FRAMING = {"CONTENT_LENGTH", "EXPECT", "TRANSFER_ENCODING"}
# How many bytes of answers may wait for a client before its next request is answered.
MOST_UNSENT = 65536
# How long what a client goes on to send is let go by when its request is refused, in seconds.
LINGER_SECONDS = 30.0
# The values of that field; empty where they go on in the next line.
CODINGS = re.compile(rb"^transfer-encoding:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


class RequestTimeout(Error):
    """408: the client takes too long to send its request (RFC 9110, 15.5.9)."""

    code = 408
    reason = "Request Timeout"


class Drain:
    """Whether a server is to stop; its channels, tasks and signals share it."""

    begun = False


class Task(WSGITask):
    """Answers a request; while the server drains, with ``Connection: close``."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment, which says what a trusted proxy does, and if the server drains.

        :raises proxies.Malformed: what the proxy says cannot be read
        """
        environ: dict[str, Any] = super().get_environment()
        if self.request.path.startswith("//"):
            # Waitress would take it for one with a single slash, which a proxy that looks at paths
            # did not see.
            environ["PATH_INFO"] = self.request.path
        proxies.believe(environ, self.channel.adj)
        if self.channel.server.drain.begun:
            environ[DRAINING] = True
        return environ

    def service(self) -> None:
        """Call the application and send its answer."""
        try:
            super().service()
        except proxies.Malformed:
            self.request.error = BadRequest("What a proxy says cannot be read")
            Refusal(self.channel, self.request).service()
            self.close_on_finish = True
        except Exception:
            if self.channel.head:
                # Nothing has left yet: waitress may answer that this went wrong.
                self.channel.head = b""
                self.wrote_header = False
            raise

    def build_response_header(self) -> bytes:
        """Status and headers."""
        if self.channel.server.drain.begun:
            # As if the client had asked for it: an application may not set the header itself.
            self.request.headers["CONNECTION"] = "close"
        # With the beginning of the body, in one packet.
        self.channel.head = self._ordinary_head() or super().build_response_header()
        return b""

    def _ordinary_head(self) -> bytes:
        """What waitress would make of an answer whose end is known, on a connection that is kept;
        nothing where that is not so. Waitress keeps none after an answer without a body.
        """
        headers = [(_capitalized(name), value) for name, value in self.response_headers]
        if not self.has_body:
            # Nor is there a length (RFC 9110, 8.6), though WebOb says that it is 0.
            headers = [each for each in headers if each[0] != "Content-Length"]
        names = dict(headers)
        if (
            self.version != "1.1"
            or _ends_connection(self.request.headers)
            or self.channel.server.adj.ident
            or self.has_body != ("Content-Length" in names)
            # Of a file waitress sends the content all the same.
            or (not self.has_body and self.content_length)
            or "Date" in names
            or "Server" in names
        ):
            return b""
        headers.append(("Date", _date(int(self.start_time))))
        headers.sort(key=itemgetter(0))
        lines = "\r\n".join([f"{name}: {value}" for name, value in headers])
        return f"HTTP/1.1 {self.status}\r\n{lines}\r\n\r\n".encode("latin-1")

    def finish(self) -> None:
        """Send what is left to send."""
        super().finish()
        self.channel.write_head()


@lru_cache(500)
def _capitalized(name: str) -> str:
    return "-".join([part.capitalize() for part in name.split("-")])


@lru_cache(1)
def _date(second: int) -> str:
    date: str = build_http_date(second)
    return date


class Refusal(ErrorTask):
    """What is answered before the application is asked, such as 431: our bare shape."""

    def execute(self) -> None:
        """Answer, and end the connection: where the next request begins may not be known."""
        error = self.request.error
        body = dump_json({"message": error.reason})
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        said = self.channel.server.said_to_origin(self.request.headers.get("ORIGIN"))
        self.response_headers.extend(said if cors.ANYBODY in said else [*said, ("Vary", "Origin")])
        self.response_headers.extend((*ALWAYS, JSON_POLICY))
        self.request.headers["CONNECTION"] = "close"
        self.set_close_on_finish()
        # One that takes too long has had its time.
        self.channel.lingers = not isinstance(error, RequestTimeout)
        self.content_length = len(body)
        self.write(b"" if self.request.command == "HEAD" else body)


class Parser(HTTPRequestParser):
    """Reads a request; refuses those of which two servers may not see the same end."""

    # Where there is no request line.
    command = ""

    def __init__(self, adjustments: Adjustments) -> None:
        super().__init__(adjustments)
        self.began = time.time()

    def parse_header(self, header_plus: bytes) -> None:
        """:raises ParsingError: it is none, or where its body ends is not clear (RFC 9112, 6.1)"""
        line, _, fields = header_plus.partition(b"\r\n")
        if not REQUEST_LINE.fullmatch(line.rstrip()):
            raise ParsingError("There is no request line")
        # Whoever is refused for the fields that follow is answered, too.
        self.command = line.partition(b" ")[0].decode()
        if BLANKS.search(fields):
            raise ParsingError("There are too many blanks")
        ordinary = ORDINARY.fullmatch(line)
        if ordinary and len(fields) <= LARGEST_REMEMBERED and fields.count(b"\n") <= MOST_FIELDS:
            headers = _headers(fields)
            if headers is not None:
                self._take(ordinary, headers)
                return
        # Any other coding is the client's mistake; waitress answers 501 or lets it pass.
        if [each.strip().lower() for each in CODINGS.findall(fields)] not in ([], [b"chunked"]):
            raise ParsingError("Transfer-Encoding must be chunked")
        try:
            super().parse_header(header_plus)
        except ValueError:
            raise ParsingError("a number has more digits than Python reads") from None
        # To HTTP/1.0 there is no such coding; to the other versions waitress has taken it off.
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding in HTTP/1.0")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Both Transfer-Encoding and Content-Length")

    def _take(self, line: re.Match[bytes], headers: dict[str, str]) -> None:
        """Be what waitress would make of a request without a body and that request line."""
        method, target, path, query = line.groups(b"")
        self.first_line = line[0]
        self.command = method.decode()
        self.request_uri = target.decode()
        self.path = unquote_bytes_to_wsgi(path)
        self.query = query.decode()
        self.proxy_scheme = self.proxy_netloc = self.fragment = ""
        self.url_scheme = self.adj.url_scheme
        self.version = "1.1"
        # Our own: the task may add to them.
        self.headers = headers.copy()

    def received(self, data: bytes) -> int:
        """How many of the bytes belong to this request."""
        consumed = super().received(data)
        if self.error or self.completed:
            # Whoever is refused is not asked to go on and send the body, nor who has sent all.
            self.expect_continue = False
        return consumed  # type: ignore[no-any-return]


@lru_cache(REMEMBERED)
def _headers(fields: bytes) -> dict[str, str] | None:
    """What waitress makes of header fields; None where more than the request depends on them."""
    parser = HTTPRequestParser(Adjustments())
    try:
        parser.parse_header(b"GET / HTTP/1.0\r\n" + fields)
    except (ParsingError, TransferEncodingNotImplemented, ValueError):
        return None
    headers: dict[str, str] = parser.headers
    return None if _ends_connection(headers) or FRAMING & headers.keys() else headers


def _ends_connection(headers: dict[str, str]) -> bool:
    return headers.get("CONNECTION", "").lower() == "close"


class Channel(HTTPChannel):
    """A connection."""

    parser_class = Parser
    task_class = Task
    error_task_class = Refusal

    # Status and headers, until something is sent.
    head = b""
    # Waitress's: those that have arrived, and the one that arrives.
    requests: list[Any]
    request: Any
    # Whether the next one is answered when more of the answers before it has left.
    is_held = False
    # Whether the client may not have sent all of what is refused, and until when it may go on.
    lingers = False
    lingers_until = 0.0

    def service(self) -> None:
        """Answer the next request, in a thread of the workers."""
        self.server.served.channel = self
        with self.outbuf_lock:
            # Whoever sends requests and hears no answers would fill memory, and then keep this
            # thread waiting.
            self.is_held = self.total_outbufs_len > MOST_UNSENT
            if self.is_held:
                return
        try:
            super().service()
            if self.requests:
                # Sent before it was answered. Somebody has to look on how that gets on.
                self.server.trigger.pull_trigger()
            arriving = self.request
            if arriving:
                # It was not read on meanwhile.
                arriving.began = time.time()
        except BaseException:
            # Not an error of the application's, which is answered: an end that it wants to bring
            # about, or a mistake of ours.
            self.cancel()
            self.server.pull_trigger()
            raise

    def handle_write(self) -> None:
        """Send what is left, in the thread of the loop; then go on with a request that was held."""
        super().handle_write()
        with self.outbuf_lock:
            goes_on = self.is_held and self.connected and self.total_outbufs_len <= MOST_UNSENT
            self.is_held = self.is_held and not goes_on
        if goes_on:
            self.server.add_task(self)

    def give_up(self) -> None:
        """Refuse a request that has not arrived, where no other is to be answered.

        In the thread of the loop, which alone adds requests.
        """
        with self.requests_lock:
            self.request.error = RequestTimeout("It took too long to arrive")
            self.request.completed = True
            self.requests.append(self.request)
            self.request = None
            self.server.add_task(self)

    def handle_close(self) -> None:
        """Close the connection: at once in the thread of the loop, and soon in another one."""
        if threading.get_ident() != self._map.thread:
            self.will_close = True
        elif self.lingers and not self.total_outbufs_len:
            self._linger()
        else:
            super().handle_close()

    def _linger(self) -> None:
        """Say that nothing follows, and close when the client has (RFC 9112, 9.6).

        Closed while something is there that nobody has read, the system would tell the client that
        the connection is broken, and many then look for no answer.
        """
        self.lingers = self.will_close = self.close_when_flushed = False
        self.lingers_until = time.time() + LINGER_SECONDS
        # Where it is broken already, that is the next to be read.
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def received(self, data: bytes) -> bool:
        """Take in some of the requests, in the thread of the loop."""
        if not self.lingers_until:
            return super().received(data)  # type: ignore[no-any-return]
        if time.time() > self.lingers_until:
            self.handle_close()
        return False

    def write_soon(self, data: Any) -> int:
        """Send some of an answer: bytes, or one of waitress's buffers."""
        if not isinstance(data, bytes):
            self.write_head()
            return super().write_soon(data)  # type: ignore[no-any-return]
        if data and self.head:
            data, self.head = self.head + data, b""
        return self._send(data) if data else 0

    def write_head(self) -> None:
        """Send status and headers, if nothing has taken them along."""
        if self.head:
            head, self.head = self.head, b""
            self._send(head)

    def _send(self, data: bytes) -> int:
        """Send what the system takes at once, and leave the rest to waitress's buffers."""
        sent = 0
        with self.outbuf_lock:
            if self.connected and not self.total_outbufs_len:
                # Where it cannot be sent, waitress tries again and ends the connection.
                with suppress(OSError):
                    sent = self.send(data, do_close=False)
        return sent + super().write_soon(data[sent:])  # type: ignore[no-any-return]

    def _flush_some(self, *args: Any, **options: Any) -> Any:
        # The loop believes itself alone where no request is left, but a thread may be at its end.
        with self.outbuf_lock:
            return super()._flush_some(*args, **options)

    @property
    def is_idle(self) -> bool:
        """Nothing was received that is not answered, nothing is to be sent, and nothing waits to
        be received: to close the connection then would take away the end of the last answer.
        """
        return bool(self.lingers_until) or not (
            self.requests or self.request or self.total_outbufs_len or self._has_received()
        )

    def _has_received(self) -> bool:
        with suppress(OSError):
            return bool(self.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        return False
