"""Connections: what is read and sent, what of it leaves when, who is asked, and how they end."""

import contextlib
import http.client
import logging
import random
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from processes import PATIENCE
from turns import wait_until
from waitress.channel import HTTPChannel

from widget_service import workers
from widget_service.serving import server
from widget_service.serving.channels import Channel

LARGE = b"x" * 5_000_000


def application(environ, start_response):
    """Answers with the path; /large with much, /none with nothing."""
    path = environ["PATH_INFO"]
    body = {"/large": LARGE, "/none": b""}.get(path, path.encode())
    status = "204 No Content" if path == "/none" else "200 OK"
    start_response(status, [("Content-Length", str(len(body)))] if body else [])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def ask(connection, path="/", method="GET"):
    connection.request(method, path)
    response = connection.getresponse()
    return response.status, response.read()


def test_it_does_not_ask_those_that_are_idle(serve, monkeypatch):
    asked = []
    readable = Channel.readable
    monkeypatch.setattr(
        Channel, "readable", lambda self: (asked.append(self.addr[1]), readable(self))[1]
    )
    made = serve(application, cleanup_interval="3600")
    with made.connect() as idle, made.connect() as busy:
        ask(idle)
        port = idle.sock.getsockname()[1]
        before = asked.count(port)
        for _each in range(50):
            ask(busy)
        assert asked.count(port) - before <= 1
        # It is heard all the same.
        assert ask(idle, "/again") == (200, b"/again")


def test_it_is_not_woken_between_the_requests_of_a_connection(serve, monkeypatch):
    made = serve(application)
    with made.connect() as client:
        ask(client)
        pulled = []
        trigger = made.server._listeners[0].trigger  # noqa: SLF001  (nothing else shows it)
        monkeypatch.setattr(trigger, "pull_trigger", lambda: pulled.append("woken"))
        for _each in range(20):
            # Whoever is quick asks again before the worker has put the request away.
            while not all(each.is_idle for each in made.server._channels()):  # noqa: SLF001
                pass
            ask(client)
        assert pulled == []
        monkeypatch.undo()


def test_it_sends_an_answer_in_one_packet(serve, monkeypatch):
    sent = []
    send = Channel.send
    monkeypatch.setattr(
        Channel, "send", lambda self, data, **kw: (sent.append(data), send(self, data, **kw))[1]
    )
    with serve(application).connect() as client:
        assert ask(client, "/found") == (200, b"/found")
        assert ask(client, "/found", "HEAD") == (200, b"")
        assert ask(client, "/none") == (204, b"")
        assert ask(client, "/found") == (200, b"/found")
    assert len(sent) == 4
    assert sent[0].startswith(b"HTTP/1.1 200 OK\r\n")
    assert sent[0].endswith(b"\r\n\r\n/found")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("headers", [[], [("Content-Length", "0")]])
def test_it_keeps_a_connection_on_which_an_answer_had_no_body(serve, status, headers):
    def nothing(_environ, start_response):
        start_response(status, headers)
        return []

    with serve(nothing).connect() as client:
        for _each in range(2):
            client.request("GET", "/")
            kept, answer = client.sock, client.getresponse()
            assert answer.status == int(status[:3])
            assert answer.getheader("Content-Length") is None
            assert answer.read() == b""
            assert client.sock is kept


def test_it_ends_a_connection_on_which_more_came_than_was_said(serve, tmp_path):
    (tmp_path / "file").write_bytes(b"HTTP/1.1 200 OK\r\n\r\n")

    def file(environ, start_response):
        start_response("204 No Content", [])
        return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

    with serve(file).connect() as client:
        assert ask(client) == (204, b"")
        assert client.sock is None


def test_it_sends_parts_of_an_answer_when_they_are_there(serve):
    heard = threading.Event()

    def parts(_environ, start_response):
        start_response("200 OK", [("Content-Length", "10")])
        yield b"first"
        assert heard.wait(PATIENCE)
        yield b"later"

    with serve(parts).connect() as client:
        client.request("GET", "/")
        response = client.getresponse()
        assert response.read(5) == b"first"
        heard.set()
        assert response.read() == b"later"


def test_it_sends_files(serve, tmp_path):
    (tmp_path / "large").write_bytes(LARGE)

    def file(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"]((tmp_path / "large").open("rb"))

    with serve(file).connect() as client:
        assert ask(client) == (200, LARGE)
        assert ask(client) == (200, LARGE)


def test_it_waits_for_a_client_that_listens_slowly(serve):
    made = serve(application)
    with made.connect() as client, made.connect() as other:
        client.request("GET", "/large")
        # It is in the buffers of the system, which are full, and of the server.
        assert ask(other) == (200, b"/")
        assert client.getresponse().read() == LARGE
        assert ask(client) == (200, b"/")


def test_it_sends_parts_in_their_order_to_a_client_that_listens_slowly(serve):
    parts = [LARGE * 3, b"the end"]
    full, listened = threading.Event(), threading.Event()

    def application(_environ, start_response):
        write = start_response("200 OK", [("Content-Length", str(sum(map(len, parts))))])
        write(parts[0])
        # The loop cannot send what is left meanwhile.
        with made.server._channels()[0].outbuf_lock:  # noqa: SLF001
            full.set()
            assert listened.wait(PATIENCE)
            write(parts[1])
        return []

    made = serve(application)
    with made.connect() as client:
        client.request("GET", "/")
        assert full.wait(PATIENCE)
        response = client.getresponse()
        received = response.read(len(LARGE) // 2)
        listened.set()
        assert received + response.read() == b"".join(parts)


def test_it_answers_both_where_the_first_expects_to_go_on_and_has_no_body(serve):
    seen = []

    def notes(environ, start_response):
        seen.append((environ["PATH_INFO"], environ["HTTP_HOST"], environ.get("HTTP_X")))
        return application(environ, start_response)

    made = serve(notes)
    with socket.create_connection(("127.0.0.1", made.port), PATIENCE) as client:
        client.sendall(
            b"GET /1 HTTP/1.1\r\nHost: a\r\nX: 1\r\nExpect: 100-continue\r\n\r\n"
            b"DELETE /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
        )
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert seen == [("/1", "a", "1"), ("/2", "b", None)]
    assert received.count(b"HTTP/1.1 200 OK") == 2
    assert b"100 Continue" not in received


def test_one_thread_at_a_time_sends_what_is_left(monkeypatch, serve):
    alone = []

    def flush(channel, *_arguments, **_options):
        alone.append(channel.outbuf_lock._is_owned())  # noqa: SLF001  (nothing else shows it)
        return original(channel, *_arguments, **_options)

    original = HTTPChannel._flush_some  # noqa: SLF001  (where it is waitress's)
    monkeypatch.setattr(HTTPChannel, "_flush_some", flush)
    made = serve(application)
    with made.connect() as client:
        client.request("GET", "/large")
        (channel,) = wait_until(made.server._channels)  # noqa: SLF001  (nothing else shows it)
        wait_until(lambda: channel.total_outbufs_len and made.server.workers.is_idle)
        assert client.getresponse().read() == LARGE
    assert alone
    assert all(alone)


def test_nobody_waits_for_one_that_does_not_end_while_there_is_a_thread(monkeypatch, serve):
    monkeypatch.setattr(workers, "AT_ONCE", 0.05)
    gates = {"/long": threading.Event(), "/longer": threading.Event()}

    def waits(environ, start_response):
        gate = gates.get(environ["PATH_INFO"])
        assert gate is None or gate.wait(PATIENCE)
        return application(environ, start_response)

    made = serve(waits, threads="2", asyncore_loop_timeout=str(2 * PATIENCE))
    with made.connect() as long, made.connect() as longer, made.connect() as short:
        long.request("GET", "/long")
        longer.request("GET", "/longer")
        wait_until(lambda: made.server.workers._busy == 2)  # noqa: SLF001  (nothing else shows it)
        short.request("GET", "/short")
        wait_until(lambda: made.server.workers.is_waited_for)
        # They work by turns again.
        wait_until(lambda: time.monotonic() > made.server.workers._turns_until)  # noqa: SLF001
        gates["/long"].set()
        assert long.getresponse().read() == b"/long"
        assert short.getresponse().read() == b"/short"
        gates["/longer"].set()
        assert longer.getresponse().read() == b"/longer"


def test_it_ends_when_all_is_answered_that_was_sent_before(serve, monkeypatch):
    monkeypatch.setattr(server, "LINGER", 0)
    made = serve(application, drain_seconds=PATIENCE)
    closing, close_idle = threading.Event(), made.server._close_idle  # noqa: SLF001
    made.server._close_idle = lambda: (closing.set(), close_idle())[1]  # noqa: SLF001
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", made.port))
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        (channel,) = wait_until(made.server._channels)  # noqa: SLF001  (nothing else shows it)
        wait_until(lambda: channel.total_outbufs_len and made.server.workers.is_idle)
        # The server does not read on before the answer has left.
        client.sendall(b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
        made.server.stop()
        # It closes whatever it takes for idle; once that is heard, this connection may look so.
        assert closing.wait(PATIENCE)
        received = b"".join(iter(lambda: client.recv(65536), b""))
    assert len(received) > len(LARGE)
    assert received.endswith(b"\r\n\r\n/second")


def test_somebody_looks_on_how_what_was_sent_before_gets_on(serve):
    gate, begun = threading.Event(), threading.Event()

    def waits(environ, start_response):
        if environ["PATH_INFO"] == "/long":
            begun.set()
            assert gate.wait(PATIENCE)
        return application(environ, start_response)

    made = serve(waits, threads="2", asyncore_loop_timeout=str(2 * PATIENCE))
    with socket.create_connection(("127.0.0.1", made.port), PATIENCE) as client:
        turns = []
        turn = made.server.workers.watch
        made.server.workers.watch = lambda: (turns.append(begun.is_set()), turn())
        client.sendall(
            b"GET /short HTTP/1.1\r\nHost: a\r\n\r\nGET /long HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        wait_until(lambda: any(turns))
        gate.set()


def test_it_says_once_that_requests_wait(serve, caplog):
    gate = threading.Event()

    def waits(environ, start_response):
        assert gate.wait(PATIENCE)
        return application(environ, start_response)

    made = serve(waits, threads="1")
    clients = [made.connect() for _each in range(3)]
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(client) for client in clients]
        for connection in connections:
            connection.request("GET", "/")
        while len(made.server.workers._waiting) < 2:  # noqa: SLF001  (nothing else shows it)
            pass
        gate.set()
        assert [each.getresponse().status for each in connections] == [200] * 3
    told = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert [each.getMessage() for each in told] == ["all 1 threads are busy, requests wait"]


def test_it_hangs_up_where_an_application_wants_to_end_the_process(serve, caplog):
    def ends(environ, start_response):
        if environ["PATH_INFO"] == "/end":
            raise SystemExit("enough")
        return application(environ, start_response)

    made = serve(ends, threads="1")
    with made.connect() as client, made.connect() as other:
        with pytest.raises(http.client.RemoteDisconnected):
            ask(client, "/end")
        assert ask(other) == (200, b"/")
    assert "a request was not answered" in caplog.text


def test_only_the_thread_of_the_loop_closes_a_connection(serve):
    closed_by = []

    def closes(environ, start_response):
        channel = made.server._channels()[0]  # noqa: SLF001  (as waitress does when it cannot send)
        channel.handle_close()
        closed_by.append((channel.connected, channel.will_close))
        return application(environ, start_response)

    made = serve(closes)
    with made.connect() as client:
        ask(client)
        with pytest.raises(ConnectionError):
            ask(client)
    assert closed_by[0] == (True, True)


def test_it_answers_500_where_nothing_has_left_before_an_error(serve, caplog):
    def fails(_environ, start_response):
        write = start_response("200 OK", [("Content-Length", "5")])
        write(b"")
        raise ValueError("too late for the application, not for us")

    with serve(fails).connect() as client:
        assert ask(client)[0] == 500
    assert "too late" in caplog.text


def test_it_hangs_up_where_a_part_has_left_before_an_error(serve):
    def fails(_environ, start_response):
        start_response("200 OK", [("Content-Length", "5")])
        yield b"par"
        raise ValueError("too late")

    with serve(fails).connect() as client:
        client.request("GET", "/")
        response = client.getresponse()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_an_application_may_write_from_a_thread_of_its_own(serve):
    def writes(_environ, start_response):
        write = start_response("200 OK", [("Content-Length", str(len(LARGE)))])
        thread = threading.Thread(target=write, args=(LARGE,))
        thread.start()
        thread.join()
        return []

    with serve(writes).connect() as client:
        assert ask(client) == (200, LARGE)


def test_it_ends_a_connection_on_which_nothing_happens(serve):
    gate = threading.Event()

    def waits(environ, start_response):
        assert environ["PATH_INFO"] != "/busy" or gate.wait(PATIENCE)
        return application(environ, start_response)

    made = serve(waits, cleanup_interval="1")
    with made.connect() as idle, made.connect() as busy:
        ask(idle)
        wait_until(lambda: made.server.workers.is_idle)
        busy.request("GET", "/busy")
        wait_until(lambda: any(each.requests for each in made.server._channels()))  # noqa: SLF001
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
            assert idle.sock.recv(1) == b""
            gate.set()
            assert busy.getresponse().read() == b"/busy"


def test_it_ends_a_connection_to_somebody_who_does_not_listen(serve):
    made = serve(application, cleanup_interval="1")
    with made.connect() as client:
        client.request("GET", "/large")
        (channel,) = wait_until(made.server._channels)  # noqa: SLF001  (nothing else shows it)
        wait_until(lambda: channel.total_outbufs_len and made.server.workers.is_idle)
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
            wait_until(lambda: not channel.connected)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            client.getresponse().read()


def test_it_does_not_wait_for_a_worker_that_waits_for_the_loop(serve):
    made = serve(application, cleanup_interval="1")
    with made.connect() as client:
        ask(client)
        (channel,) = made.server._channels()  # noqa: SLF001  (nothing else shows it)
        closing, close = threading.Event(), channel.handle_close
        channel.handle_close = lambda: (closing.set(), close())
        asks = threading.Thread(target=made.server._loop.is_deaf_to, args=(channel,), daemon=True)  # noqa: SLF001
        # As a worker that writes has it.
        with channel.outbuf_lock:
            channel.will_close = True
            assert closing.wait(PATIENCE)
            asks.start()
            asks.join(PATIENCE)
            assert not asks.is_alive()


def test_it_answers_everybody(serve):
    """Clients that come, go, ask twice at once and do not listen, more than there are threads."""
    made = serve(application, threads="4")
    waits = (
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
        b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    )
    pair = (
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )

    def client(number):
        chance = random.Random(number)  # noqa: S311  (no secret)
        for _each in range(15):
            kind = chance.choice(["kept", "pair", "gone", "reset"])
            if kind == "kept":
                with made.connect() as kept:
                    for path in ("/a", "/large", "/b"):
                        assert ask(kept, path)[0] == 200
                continue
            with socket.create_connection(("127.0.0.1", made.port), PATIENCE) as raw:
                if kind == "reset":
                    # Not closed but broken off, while the server wants to send 100.
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    raw.sendall(waits)
                    continue
                raw.sendall(pair if kind == "pair" else b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
                received = b""
                while kind == "pair" and (data := raw.recv(65536)):
                    received += data
                assert kind == "gone" or received.endswith(b"\r\n\r\n/2")
        return number

    with ThreadPoolExecutor(16) as threads:
        assert [*threads.map(client, range(16))] == [*range(16)]
