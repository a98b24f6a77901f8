"""The threads that call the application: waitress's task dispatcher.

Python runs one thread at a time. Where requests only compute, one thread that works them off
answers more of them, and sooner, than many that take Python from each other. Where they wait, for a
database or for the hash of a password, others must go on meanwhile. Which it is shows while they
are answered: :class:`Workers` begins with one thread, and lets all of them work where it does not
get on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import Any

log = logging.getLogger(__name__)

# How often it is logged that requests wait for a thread, in seconds.
COMPLAINT_INTERVAL = 60.0
# How long it is looked on how one thread gets on, in seconds: as long as Python lets one compute
# that another one waits for.
TURN = 0.005
# Where the process has computed for less of that time, it has waited.
COMPUTING = 0.7
# How long many threads work at once after something was seen to wait, in seconds.
AT_ONCE = 1.0


class Worker:
    """A thread, while it has nothing to do."""

    def __init__(self) -> None:
        self.task: Any = None
        # Held while there is no task.
        self._called = threading.Lock()
        self._called.acquire()

    def call(self, task: Any) -> None:
        """Have it serve a task, or end where that is None."""
        self.task = task
        self._called.release()

    def wait(self) -> Any:
        """Wait for the next task."""
        self._called.acquire()
        return self.task


class Workers:
    """Threads that serve tasks.

    Who was idle last works next. It has a connection to the database that is warm, and who is not
    needed has none.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._waiting: deque[Any] = deque()
        self._busy = count
        self._served = 0
        # Until when nobody waits for somebody else's turn.
        self._all_until = 0.0
        # Nobody works.
        self._done = threading.Condition(self._lock)
        self._next_complaint = 0.0
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_idle(self) -> bool:
        """Nobody works, and nothing waits for it."""
        return not self._busy

    def add_task(self, task: Any) -> None:
        """Have a task served."""
        with self._lock:
            is_at_once = bool(self._idle)
            if is_at_once and not (self._busy and self._take_turns()):
                self._begin(task)
            else:
                self._waiting.append(task)
        if not is_at_once and time.monotonic() >= self._next_complaint:
            self._next_complaint = time.monotonic() + COMPLAINT_INTERVAL
            log.warning("all %d threads are busy, requests wait", len(self._threads))

    def watch(self) -> None:
        """Look on while one works off the tasks; let all of them begin, if it does not get on.

        Whoever adds tasks has to call it, or some may wait for one that does not end.
        """
        with self._lock:
            if not self._busy or not self._take_turns():
                return
            served, began, computed = self._served, time.monotonic(), time.process_time()
            self._done.wait(TURN)
            if not self._busy:
                return
            now, computed = time.monotonic(), time.process_time() - computed
            if served == self._served or computed < COMPUTING * (now - began):
                self._all_until = now + AT_ONCE
                while self._waiting and self._idle:
                    self._begin(self._waiting.popleft())

    def shutdown(self) -> None:
        """End the threads, when they have served every task."""
        with self._lock:
            self._all_until = float("inf")
            for _each in self._threads:
                if self._idle:
                    self._begin(None)
                else:
                    self._waiting.append(None)
        for thread in self._threads:
            thread.join()

    def _take_turns(self) -> bool:
        return time.monotonic() >= self._all_until

    def _begin(self, task: Any) -> None:
        self._busy += 1
        self._idle.pop().call(task)

    def _work(self) -> None:
        worker = Worker()
        while (task := self._next(worker)) is not None:
            try:
                task.service()
            except BaseException:
                log.exception("a request was not answered")

    def _next(self, worker: Worker) -> Any:
        with self._lock:
            self._served += 1
            if self._waiting:
                return self._waiting.popleft()
            self._busy -= 1
            self._idle.append(worker)
            if not self._busy:
                self._done.notify()
        return worker.wait()
