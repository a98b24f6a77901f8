"""The server: waitress, which in the end cuts nobody off.

In an .ini file::

    [server:main]
    use = egg:widget_service#server
    listen = localhost:6543

Every option of waitress's is accepted as it is; where :data:`DEFAULTS` has one, its default is
another than waitress's own. Two are added:

``drain_seconds``
    how long requests that have begun may take to finish, once the process is told to stop
``notice_seconds``
    how long before that the process goes on as ever, while its health check fails already: for
    a load balancer that must hear of it first

One has no effect: ``asyncore_use_poll``, as the loop is another.
"""

from __future__ import annotations

import logging
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError, TransferEncodingNotImplemented
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask, WSGITask

from widget_service.loop import Loop, Workers
from widget_service.rendering import dump_json

log = logging.getLogger(__name__)

DEFAULTS = {
    # No Server header: whoever asks need not know what answers.
    "ident": "",
    # Clients that are idle must not lock others out. Each connection is an open file.
    "connection_limit": "4000",
    "channel_timeout": "30",
    "cleanup_interval": "10",
    "max_request_header_size": "65536",
    # Above rest.max_body_size, so that what is a little too large is answered by the service.
    "max_request_body_size": "1048576",
    # Nobody makes up where a request is from.
    "clear_untrusted_proxy_headers": "true",
}
DRAIN_SECONDS = 25.0
NOTICE_SECONDS = 0.0

# What a process has open beside its connections: databases, logs, modules.
OTHER_FILES = 200
# How long a connection on which nothing happens is kept while the server drains, in seconds:
# what its client has sent by then is answered, and says that the connection ends.
LINGER = 1.0
# How often the end is looked for, in seconds.
TICK = 0.05

# Where the application finds out that its server is about to stop: True, or not there.
DRAINING = "widget_service.draining"


class Drain:
    """Whether a server is to stop; its channels, tasks and signals share it."""

    begun = False


class Task(WSGITask):
    """Answers a request; while the server drains, with ``Connection: close``."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment, which says whether the server drains."""
        environ: dict[str, Any] = super().get_environment()
        if self.channel.server.drain.begun:
            environ[DRAINING] = True
        return environ

    def service(self) -> None:
        """Call the application and send its answer."""
        try:
            super().service()
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
        self.channel.head = super().build_response_header()
        return b""

    def finish(self) -> None:
        """Send what is left to send."""
        super().finish()
        self.channel.write_head()


class Refusal(ErrorTask):
    """What waitress answers before the application is asked, such as 431: our bare shape."""

    def execute(self) -> None:
        """Answer, and end the connection: where the next request begins is not known."""
        error = self.request.error
        body = dump_json({"message": error.reason})
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Parser(HTTPRequestParser):
    """Reads a request; refuses those of which two servers may not see the same end."""

    def parse_header(self, header_plus: bytes) -> None:
        """:raises ParsingError: where the body ends is not clear (RFC 9112, 6.1)"""
        try:
            super().parse_header(header_plus)
        except TransferEncodingNotImplemented as error:
            # 501 to waitress, but it is the client's mistake: nobody has offered to decode it.
            raise ParsingError(*error.args) from None
        # To HTTP/1.0 there is no such coding; to the other versions waitress has taken it off.
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding in HTTP/1.0")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Both Transfer-Encoding and Content-Length")

    def received(self, data: bytes) -> int:
        """How many of the bytes belong to this request."""
        consumed = super().received(data)
        if self.error:
            # Whoever is refused is not asked to go on and send the body.
            self.expect_continue = False
        return consumed  # type: ignore[no-any-return]


class Channel(HTTPChannel):
    """A connection."""

    parser_class = Parser
    task_class = Task
    error_task_class = Refusal

    # Status and headers, until something is sent.
    head = b""

    def service(self) -> None:
        """Answer the next request, in a thread of the workers."""
        self.server.served.channel = self
        try:
            super().service()
        except BaseException:
            # Not an error of the application's, which is answered: an end that it wants to bring
            # about, or a mistake of ours.
            self.cancel()
            self.server.pull_trigger()
            raise

    def handle_close(self) -> None:
        """Close the connection: at once in the thread of the loop, and soon in another one."""
        if threading.get_ident() == self._map.thread:
            super().handle_close()
        else:
            self.will_close = True

    def write_soon(self, data: Any) -> int:
        """Send some of an answer: bytes, or one of waitress's buffers."""
        if data and self.head:
            if isinstance(data, bytes):
                data, self.head = self.head + data, b""
            else:
                self.write_head()
        return super().write_soon(data)  # type: ignore[no-any-return]

    def write_head(self) -> None:
        """Send status and headers, if nothing has taken them along."""
        head, self.head = self.head, b""
        super().write_soon(head)

    @property
    def is_idle(self) -> bool:
        """Nothing was received that is not answered, nothing is to be sent."""
        return not (self.requests or self.request or self.total_outbufs_len)


def _close_inactive(listener: Any, now: float) -> None:
    """Close the channels on which nothing has happened for long, even where there is something to
    send to somebody who does not listen.
    """
    BaseWSGIServer.maintenance(listener, now)
    for channel in [*listener.active_channels.values()]:
        if channel.will_close:
            channel.handle_close()


class Server:
    """Waitress on one or more addresses, with an end that is orderly."""

    def __init__(
        self, app: Any, options: Mapping[str, Any], drain_seconds: float, notice_seconds: float
    ) -> None:
        """
        :param options: waitress's
        :raises OSError: somebody else listens there
        """
        self.drain = Drain()
        self._drain_seconds = drain_seconds
        self._notice_seconds = notice_seconds
        adjustments = Adjustments(**options)
        self._loop = Loop()
        self._timeout = adjustments.asyncore_loop_timeout
        self.workers = Workers(adjustments.threads)
        self.waitress = create_server(app, map=self._loop, _dispatcher=self.workers, **options)
        self._served = threading.local()
        self._listeners = [each for each in self._loop.values() if isinstance(each, BaseWSGIServer)]
        for listener in self._listeners:
            listener.channel_class = Channel
            listener.drain = self.drain
            listener.served = self._served
            listener.pull_trigger = self._wake
            listener.maintenance = partial(_close_inactive, listener)

    def stop(self, *_signal: Any) -> None:
        """Begin the end; from a signal, or from another thread."""
        # Once: in the end there is no loop left to wake.
        if not self.drain.begun:
            self.drain.begun = True
            self._listeners[0].trigger.pull_trigger()

    def run(self) -> None:
        """Serve until :meth:`stop`, and then until what was begun is finished."""
        while not self.drain.begun:
            self._poll(self._timeout)
        log.info("draining: finishing the requests that have begun")
        self._poll_until(time.monotonic() + self._notice_seconds, lambda: False)
        self._refuse_connections()
        now = time.monotonic()
        deadline = now + self._drain_seconds
        self._poll_until(min(now + LINGER, deadline), self._is_done)
        self._poll_until(deadline, self._close_idle)
        self._end()

    def _poll(self, timeout: float) -> None:
        # They stop accepting, and begin again, and ask themselves for how long others are idle.
        self._loop.turn(timeout, self._listeners)

    def _wake(self) -> None:
        """Called where waitress wakes its loop: a thread has changed what its channel wants."""
        # One that the application has started may be about any.
        own = getattr(self._served, "channel", None)
        deaf = [
            each for each in ([own] if own else self._channels()) if self._loop.is_deaf_to(each)
        ]
        for channel in deaf:
            self._loop.ask(channel)
        if deaf:
            self._listeners[0].trigger.pull_trigger()

    def _poll_until(self, deadline: float, is_enough: Callable[[], bool]) -> None:
        while time.monotonic() < deadline and not is_enough():
            self._poll(TICK)

    def _refuse_connections(self) -> None:
        """Close the listening sockets; whoever has connected already is let in before."""
        for listener in self._listeners:
            before = 0
            while len(self._loop) != before:
                before = len(self._loop)
                listener.handle_accept()
            # Not its own close(): that takes away what tasks wake the loop with.
            wasyncore.dispatcher.close(listener)

    def _channels(self) -> list[Channel]:
        return [each for each in list(self._loop.values()) if isinstance(each, Channel)]

    def _is_done(self) -> bool:
        # Somebody may work for a client that is gone.
        return not self._channels() and self.workers.is_idle

    def _close_idle(self) -> bool:
        for channel in [each for each in self._channels() if each.is_idle]:
            channel.handle_close()
        return self._is_done()

    def _end(self) -> None:
        if self._is_done():
            self.workers.shutdown()
            wasyncore.close_all(self._loop)
            log.info("drained: every request is answered")
        else:
            # Their threads end with the process; to take sockets away from them makes it worse.
            log.warning("%d connection(s) cut off unanswered", len(self._channels()))


def server_factory(_global_config: Mapping[str, str], **options: str) -> Callable[[Any], None]:
    """What serves an application (PasteDeploy's ``server_factory``).

    :raises SystemExit: an option is wrong; the reason is the message
    """
    chosen: dict[str, Any] = {**DEFAULTS, **options}
    try:
        drain_seconds = _seconds(chosen, "drain_seconds", DRAIN_SECONDS)
        notice_seconds = _seconds(chosen, "notice_seconds", NOTICE_SECONDS)
        chosen["connection_limit"] = _allow_files(int(chosen["connection_limit"]))
        Adjustments(**chosen)
    except ValueError as error:
        raise SystemExit(f"the server cannot start: [server:…] {error}") from None

    def serve(app: Any) -> None:
        server = Server(app, chosen, drain_seconds, notice_seconds)
        server.waitress.print_listen("Serving on http://{}:{}")
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, _once(server.stop))
        server.run()

    return serve


def _seconds(options: dict[str, Any], name: str, default: float) -> float:
    text = options.pop(name, default)
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 3600:  # noqa: PLR2004  (an hour)
        raise ValueError(f"{name} = {text}: must be a number of seconds, at most 3600")
    return value


def _allow_files(connections: int) -> int:
    """Let the process have that many connections open; the number that it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return connections if most == wanted else max(1, most - OTHER_FILES)


def _once(stop: Callable[..., None]) -> Callable[[int, Any], None]:
    """A handler of signals; whoever sends a second one does not want to wait."""

    def handle(_number: int, _frame: Any) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        stop()

    return handle
