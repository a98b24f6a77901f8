"""The threads that call the application: waitress's task dispatcher.

Python runs one thread at a time. Where requests only compute, one thread that works them off
answers more of them, and sooner, than many that take Python from each other. So they take turns,
and whoever is about to wait, for a database server or for the hash of a password, says so by
:func:`step_aside`, and others go on. Where one waits and did not say so, that shows, and more and
more of them work at once for a while.
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
# How long to watch one thread before others begin, in seconds: as long as Python lets it compute
# while another one waits.
TURN = 0.005
# How much longer a request may compute before others begin beside it. Whoever has stepped aside may
# have had the processor so far.
LONG = 0.02
# Where the process has computed for less of that time, it has waited.
COMPUTING = 0.7
# How long more threads work at once after something was seen to wait, in seconds.
AT_ONCE = 1.0


_here = threading.local()


def step_aside() -> None:
    """Let others go on, until this thread has answered its request: it is about to wait, or to
    compute outside of Python.

    May be called again and again, and in any thread: in those of another server it does nothing.
    """
    worker = getattr(_here, "worker", None)
    if worker is not None and not worker.is_aside:
        worker.step_aside()


class Worker:
    """A thread of the workers."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._task: Any = None
        self.is_aside = False
        # Held while there is no task.
        self._called = threading.Lock()
        self._called.acquire()

    def call(self, task: Any) -> None:
        """Have it serve a task, or end where that is None."""
        self._task = task
        self._called.release()

    def wait(self) -> Any:
        """Wait for the next task."""
        self._called.acquire()
        return self._task

    def step_aside(self) -> None:
        """Give up the turn; to be called in its thread."""
        self._workers.let_go(self)


class Workers:
    """Threads that serve tasks.

    Who was idle last works next: what it needs is at hand.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._waiting: deque[Any] = deque()
        # How many serve a task, how many of them have stepped aside, and how many are served.
        self._busy, self._aside, self._served = count, 0, 0
        # How many may have the turn at once, and until when that is more than one.
        self._turns, self._turns_until = 1, 0.0
        # Nobody's turn any more.
        self._free = threading.Condition(self._lock)
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

    @property
    def is_waited_for(self) -> bool:
        """Is there something that nobody has begun with?"""
        return bool(self._waiting)

    def add_task(self, task: Any) -> None:
        """Have a task served."""
        with self._lock:
            has_idle = bool(self._idle)
            self._waiting.append(task)
            self._go_on()
        if not has_idle and time.monotonic() >= self._next_complaint:
            self._next_complaint = time.monotonic() + COMPLAINT_INTERVAL
            log.warning("all %d threads are busy, requests wait", len(self._threads))

    def watch(self) -> None:
        """Look on while tasks are served by turns; let more of them begin, if that does not get on.

        Twice as many as there are: where a shared machine stood still for a moment it looks the
        same, and all at once would be in each other's way.

        Whoever adds tasks has to call it, again and again while they are waited for, or some may
        wait for one that does not end.
        """
        with self._lock:
            if not self._is_taken() or not self._idle:
                return
            served, began, computed = self._served, time.monotonic(), time.process_time()
            self._free.wait(TURN)
            if not self._is_taken():
                return
            lasted, computed = time.monotonic() - began, time.process_time() - computed
            if computed >= COMPUTING * lasted:
                # Nothing waits. Is it one request that takes long?
                if served == self._served:
                    self._free.wait(LONG)
                if served != self._served or not self._is_taken():
                    return
            self._turns = 2 * (self._busy - self._aside)
            self._turns_until = time.monotonic() + AT_ONCE
            self._go_on()

    def let_go(self, worker: Worker) -> None:
        """Have others go on beside a worker."""
        with self._lock:
            worker.is_aside = True
            self._aside += 1
            self._go_on()

    def shutdown(self) -> None:
        """End the threads, when they have served every task."""
        with self._lock:
            self._waiting.extend([None] * len(self._threads))
            self._turns, self._turns_until = len(self._threads), float("inf")
            self._go_on()
        for thread in self._threads:
            thread.join()

    def _is_taken(self) -> bool:
        """Have as many the turn as may?"""
        allowed = self._turns if time.monotonic() < self._turns_until else 1
        return self._busy - self._aside >= allowed

    def _go_on(self) -> None:
        while self._waiting and self._idle and not self._is_taken():
            self._busy += 1
            self._idle.pop().call(self._waiting.popleft())
        if self._busy == self._aside:
            self._free.notify()

    def _work(self) -> None:
        worker = _here.worker = Worker(self)
        while (task := self._next(worker)) is not None:
            try:
                task.service()
            except BaseException:
                log.exception("a request was not answered")

    def _next(self, worker: Worker) -> Any:
        with self._lock:
            self._served += 1
            if worker.is_aside:
                worker.is_aside = False
                self._aside -= 1
            # Whoever has been aside may find that it is another one's turn.
            self._busy -= 1
            if self._waiting and not self._is_taken():
                self._busy += 1
                return self._waiting.popleft()
            self._idle.append(worker)
            if self._busy == self._aside:
                self._free.notify()
        return worker.wait()
