"""The processor cores, which all concurrent calls of the process share."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING

import joblib

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cores:
    """A fair counting semaphore: threads get a core in the order in which they asked.

    `threading.Semaphore` is not fair. A long call that releases a core and asks again at once
    would keep a short call waiting.

    Parameters
    ----------
    count : int
        Number of threads that may work at a time.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.reset()

    def reset(self) -> None:
        """Release all cores. A forked process has none of the other threads of its parent."""
        self._queue: list[object] = []  # the first `count` tickets hold a core
        self._changed = Condition()

    @contextmanager
    def acquire(self, max_cores: int = 1) -> Iterator[int]:
        """Wait for one core, add idle cores up to `max_cores`, and yield the number of cores.

        A thread that holds a core must not ask for another one.
        """
        tickets = [object() for _ in range(max_cores)]
        try:
            with self._changed:
                self._queue.append(tickets[0])
                self._changed.wait_for(lambda: tickets[0] in self._queue[: self.count])
                idle = tickets[1 : 1 + max(0, self.count - len(self._queue))]
                self._queue += idle
            yield 1 + len(idle)
        finally:
            try:
                self._release(tickets)
            finally:  # Ctrl-C may have interrupted the first attempt.
                self._release(tickets)

    def _release(self, tickets: list[object]) -> None:
        with self._changed:
            self._queue = [ticket for ticket in self._queue if ticket not in tickets]
            self._changed.notify_all()


cores = Cores(joblib.cpu_count())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=cores.reset)
