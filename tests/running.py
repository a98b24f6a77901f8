"""A server in a thread of the tests' own process: they see inside of it."""

import contextlib
import http.client
import threading

from processes import PATIENCE, free_port

from widget_service.serving import server
from widget_service.serving.server import Server


class Running:
    """A server in a thread of this process."""

    def __init__(self, app, **options):
        self.port = free_port()
        own = {name: options.pop(name) for name in server.Patience._fields if name in options}
        patience = server.Patience(**{"drain_seconds": 5.0, **own})
        listen = {"listen": f"127.0.0.1:{self.port}"}
        self.server = Server(app, {**server.DEFAULTS, **listen, **options}, patience)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()

    def end(self):
        self.server.stop()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()

    def connect(self):
        """A connection, closed at the end of a block."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        return contextlib.closing(connection)
