"""The server: waitress, which in the end cuts nobody off.

In an .ini file::

    [server:main]
    use = egg:widget_service#server
    listen = localhost:6543

Every option of waitress's is accepted as it is; where :data:`DEFAULTS` has one, its default is
another than waitress's own, and that of ``max_request_body_size`` is twice ``rest.max_body_size``,
or a MiB for an application that has no such setting.
Three are added:

``drain_seconds``
    how long requests that have begun may take to finish, once the process is told to stop
``notice_seconds``
    how long before that the process goes on as ever, while its health check fails already: for
    a load balancer that must hear of it first
``request_seconds``
    how long a client may take to send a request, before it is answered 408, as is one that
    falls silent for ``channel_timeout`` in the middle of it

One has no effect: ``asyncore_use_poll``, as the loop is another.
"""

from __future__ import annotations

import gc
import logging
import resource
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple

from waitress import wasyncore
from waitress.adjustments import Adjustments, truthy
from waitress.server import BaseWSGIServer, create_server

from widget_service import logs, settings
from widget_service.serving import listeners
from widget_service.serving.channels import Channel, Drain
from widget_service.serving.loop import Loop
from widget_service.tweens import cors
from widget_service.workers import TURN, Workers

log = logging.getLogger(__name__)

DEFAULTS = {
    # No Server header: whoever asks need not know what answers.
    "ident": "",
    # Clients that are idle must not lock others out. Each connection is an open file.
    "connection_limit": "4000",
    "channel_timeout": "30",
    "cleanup_interval": "10",
    "max_request_header_size": "65536",
    # Nobody makes up where a request is from.
    "clear_untrusted_proxy_headers": "true",
}

# What a process has open beside its connections: databases, logs, modules.
OTHER_FILES = 200
# How long a connection on which nothing happens is kept while the server drains, in seconds:
# what its client has sent by then is answered, and says that the connection ends.
LINGER = 1.0
# How long a client that is about to be let in may take to say so, in seconds: a way there and back.
HANDSHAKE = 0.1
# How often the end is looked for, in seconds.
TICK = 0.05

LAST_PORT = 65535
FLAGS = truthy | {"false", "f", "no", "n", "off", "0"}
# Up to which body one is received for an application that does not say, in bytes.
LARGEST_BODY = 2**20

# The last one comes when a terminal is closed, or from somebody who expects a reload.
ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Patience(NamedTuple):
    """How long the server waits for others, in seconds."""

    # For requests that have begun, once it is told to stop.
    drain_seconds: float = 25.0
    # For a load balancer to hear of that, before it lets nobody in.
    notice_seconds: float = 0.0
    # For a request to arrive.
    request_seconds: float = 60.0


class Server:
    """Waitress on one or more addresses, with an end that is orderly."""

    def __init__(
        self,
        app: Any,
        options: Mapping[str, Any],
        patience: Patience,
        said_to_origin: Callable[[str | None], cors.Headers] = lambda _origin: [cors.ANYBODY],
    ) -> None:
        """
        :param options: waitress's
        :param said_to_origin: what scripts of an origin are told where the server itself refuses
        :raises OSError: somebody else listens there
        """
        self.drain = Drain()
        self._patience = patience
        adjustments = Adjustments(**options)
        self._loop = Loop()
        self._timeout = adjustments.asyncore_loop_timeout
        self.workers = Workers(adjustments.threads)
        try:
            self.waitress = create_server(app, map=self._loop, _dispatcher=self.workers, **options)
        except OSError:
            wasyncore.close_all(self._loop)
            self.workers.shutdown()
            raise
        self._served = threading.local()
        # A signal may come while its own thread has it.
        self._waking = threading.RLock()
        self._listeners = [each for each in self._loop.values() if isinstance(each, BaseWSGIServer)]
        for listener in self._listeners:
            # Without what waitress puts around it: a task sees to what proxies say.
            listener.application = app
            listener.channel_class = Channel
            listener.drain = self.drain
            listener.served = self._served
            listener.pull_trigger = self._wake
            listener.said_to_origin = said_to_origin
            listeners.adopt(listener, patience.request_seconds)

    def stop(self, *_signal: Any) -> None:
        """Begin the end; from a signal, or from another thread."""
        # Once: in the end there is no loop left to wake, and its file may be somebody else's.
        with self._waking:
            if not self.drain.begun:
                self.drain.begun = True
                self._listeners[0].trigger.pull_trigger()

    def run(self) -> None:
        """Serve until :meth:`stop`, and then until what was begun is finished."""
        while not self.drain.begun:
            self._poll(self._timeout)
        log.info("draining: finishing the requests that have begun")
        self._poll_until(time.monotonic() + self._patience.notice_seconds, lambda: False)
        self._refuse_connections()
        now = time.monotonic()
        deadline = now + self._patience.drain_seconds
        self._poll_until(min(now + LINGER, deadline), self._is_done)
        self._poll_until(deadline, self._close_idle)
        self._end()

    def _poll(self, timeout: float) -> None:
        # They stop accepting, and begin again, and ask themselves for how long others are idle.
        self._loop.turn(TURN if self.workers.is_waited_for else timeout, self._listeners)
        self.workers.watch()

    def _wake(self) -> None:
        """Called where waitress wakes its loop: a thread has changed what its channel wants."""
        # A thread that the application has started has no channel of its own: look at all.
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
            listeners.let_nobody_else_connect(listener)
        self._poll_until(time.monotonic() + HANDSHAKE, lambda: False)
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
            with self._waking:
                wasyncore.close_all(self._loop)
            log.info("drained: every request is answered")
        else:
            # Their threads end with the process; to take sockets away from them makes it worse.
            log.warning("%d connection(s) cut off unanswered", len(self._channels()))


def server_factory(global_config: Mapping[str, str], **options: str) -> Callable[[Any], None]:
    """What serves an application (PasteDeploy's ``server_factory``).

    :raises SystemExit: an option is wrong; the reason is the message
    """
    try:
        chosen, patience = checked(options)
        _check_addresses(Adjustments(**chosen))
        chosen["connection_limit"] = _allow_files(int(chosen["connection_limit"]))
    except ValueError as error:
        raise _cannot_start(global_config, str(error)) from None

    def serve(app: Any) -> None:
        # Nothing where it is another application, or a filter of the .ini file's is around ours.
        registry = getattr(app, "registry", None)
        database = getattr(registry, "database", None)
        # What is a little too large the service refuses itself, with its own answer.
        largest = 2 * settings.of(registry, "rest").max_body_size if database else LARGEST_BODY
        chosen.setdefault("max_request_body_size", largest)
        own = [cors.to_origin(registry)] if database else []
        try:
            server = Server(app, chosen, patience, *own)
        except OSError as error:
            where = ", ".join(
                f"{name} = {chosen[name]}"
                for name in ("listen", "host", "port", "unix_socket")
                if name in chosen
            )
            refusal = _cannot_start(global_config, f"{where}: {error.strerror}")
            # pserve takes this for an orderly end, and with -q says nothing.
            log.critical("%s", refusal)
            raise refusal from None
        # It logs paths as clients mean them.
        logging.getLogger("waitress").addFilter(logs.quote_controls)
        server.waitress.print_listen("Serving on http://{}:{}")
        _take_signals(server.stop)
        # What is there stays. To look through all of it for garbage would take 20 ms each time, for
        # which everybody waits.
        gc.freeze()
        server.run()
        if database:
            # SQLite puts everything in its one file when the last connection is closed.
            database.close()

    return serve


def checked(options: Mapping[str, str]) -> tuple[dict[str, Any], Patience]:
    """Waitress's options with our defaults, and ours.

    :raises ValueError: an option is wrong; the message names it
    """
    chosen: dict[str, Any] = {**DEFAULTS, **options}
    patience = Patience(
        *(_seconds(chosen, name, default) for name, default in Patience()._asdict().items())
    )
    _check(chosen)
    return chosen, patience


def _cannot_start(global_config: Mapping[str, str], why: str) -> SystemExit:
    file = global_config.get("__file__", "the .ini file")
    return SystemExit(f"the server cannot start: {why} ([server:...] of {file})")


def _check(options: Mapping[str, Any]) -> None:
    """:raises ValueError: an option is wrong; the message names it"""
    try:
        # Of what waitress warns of, _check_proxy says that it is wrong.
        with warnings.catch_warnings(action="ignore"):
            adjustments = Adjustments(**options)
    except ValueError as error:
        raise ValueError(_named(options, str(error))) from None
    for name, value in options.items():
        is_flag = isinstance(getattr(adjustments, name, None), bool)
        # Waitress takes any other word for false.
        if is_flag and str(value).strip().lower() not in FLAGS:
            raise ValueError(f"{name} = {value}: must be true or false")
    # Waitress counts its own sockets, two for each address.
    least = 2 * len(adjustments.listen) + 1
    if adjustments.connection_limit < least:
        text = f"connection_limit = {options['connection_limit']}"
        raise ValueError(f"{text}: it would let nobody in; must be {least} at least")
    if int(options.get("threads", 1)) < 1:
        raise ValueError(f"threads = {options['threads']}: there must be one at least")
    for address in [*str(options.get("listen", "")).split(), f":{options.get('port', '')}"]:
        port = address.rpartition(":")[2]
        # The system would take the remainder.
        if port.isdecimal() and int(port) > LAST_PORT:
            raise ValueError(f"{address.lstrip(':')}: a port is {LAST_PORT} at most")
    _check_proxy(options)


def _check_proxy(options: Mapping[str, Any]) -> None:
    """:raises ValueError: a proxy that no request comes from, or of which nothing is believed"""
    proxy = options.get("trusted_proxy")
    if not proxy:
        return
    # Waitress compares texts.
    known = ("*", "localhost") if "unix_socket" in options else ("*",)
    if proxy not in known:
        try:
            ip_address(proxy)
        except ValueError:
            text = f"trusted_proxy = {proxy}: must be one address, such as 127.0.0.1, or *"
            raise ValueError(text) from None
    if not options.get("trusted_proxy_headers"):
        text = "name what is believed of it in trusted_proxy_headers, such as x-forwarded-for"
        raise ValueError(f"trusted_proxy = {proxy}: {text}")


def _check_addresses(adjustments: Adjustments) -> None:
    """Find out now whether addresses are free: later nobody would hear of it, see ``serve``.

    :raises ValueError: somebody listens there, or there is no such address
    """
    # What it has beside a socket of the file system is only a default.
    addresses = () if adjustments.unix_socket else adjustments.listen
    for family, kind, protocol, address in addresses:
        try:
            with socket.socket(family, kind, protocol) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            where = f"{address[0]}:{address[1]}"
            raise ValueError(f"nobody can listen on {where}: {error.strerror}") from None


def _named(options: Mapping[str, Any], reason: str) -> str:
    """What is wrong, with the name of the option that is wrong by itself."""
    said = "is no whole number" if reason.startswith("invalid literal for int") else reason
    with warnings.catch_warnings(action="ignore"):  # of those that need others
        for name, value in options.items():
            try:
                Adjustments(**{name: value})
            except ValueError as error:
                if str(error) == reason:
                    return f"{name} = {value}: {said}"
    return said


def _seconds(options: dict[str, Any], name: str, default: float) -> float:
    text = options.pop(name, default)
    # No request arrives in no time.
    least = 1 if name == "request_seconds" else 0
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not least <= value <= 3600:  # noqa: PLR2004  (an hour)
        raise ValueError(f"{name} = {text}: must be a number of seconds, from {least} to 3600")
    return value


def _allow_files(connections: int) -> int:
    """Let the process have that many connections open; the number that it may have.

    :raises ValueError: it may not even have one
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most - OTHER_FILES < 1:
        raise ValueError(f"{most} open files are too few, of which others need {OTHER_FILES}")
    return connections if most == wanted else most - OTHER_FILES


def _take_signals(stop: Callable[..., None]) -> None:
    """Let signals begin the end; whoever sends a second one does not want to wait."""
    # Whoever has begun it with nohup wants it to go on when the terminal is closed.
    ends = [each for each in ENDS if not _is_ignored(each)]

    def handle(_number: int, _frame: Any) -> None:
        for each in ends:
            signal.signal(each, signal.SIG_DFL)
        stop()

    for each in ends:
        signal.signal(each, handle)


def _is_ignored(number: int) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN
