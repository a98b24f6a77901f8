"""Whether others go on while something is done in a thread of the server."""

import threading
import time

from processes import PATIENCE

from widget_service.workers import Workers


def wait_until(condition):
    """What a function answers, once that is something; for what nothing tells of."""
    for _each in range(1_000_000):
        if found := condition():
            return found
        time.sleep(0)
    raise AssertionError(condition)


class Errand:
    """A task that says in which thread it was served; it may have to wait."""

    def __init__(self, wait=lambda: None):
        self.wait = wait
        self.thread = None
        self.done = threading.Event()

    def service(self):
        self.thread = threading.get_ident()
        self.wait()
        self.done.set()


def others_go_on(work):
    """Does a second task begin while the first one, which has begun with that work, is served?"""
    begun, gate = threading.Event(), threading.Event()

    def wait():
        work()
        begun.set()
        gate.wait(PATIENCE)

    workers = Workers(2)
    first, second = Errand(wait), Errand()
    for each in (first, second):
        workers.add_task(each)
    assert begun.wait(PATIENCE)
    waits = len(workers._waiting)  # noqa: SLF001  (nothing else shows it)
    gate.set()
    assert all(each.done.wait(PATIENCE) for each in (first, second))
    workers.shutdown()
    return waits == 0
