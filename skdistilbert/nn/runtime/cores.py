"""The cores of the machine, which all threads of the process share."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import Event, Lock
from typing import TYPE_CHECKING

import joblib

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cores:
    """A queue for the cores: however many threads there are, one a core is at work.

    Parameters
    ----------
    n_cores : int
    """

    def __init__(self, n_cores: int) -> None:
        self.n_cores = n_cores
        # In the order of their coming; the first `n_cores` are at work, the others wait.
        self._queue: list[Event] = []
        self._lock = Lock()

    @contextmanager
    def up_to(self, n_wanted: int) -> Iterator[int]:
        """Wait for a core, take more that are free; yields how many. Not to be nested."""
        turns = [Event() for _ in range(n_wanted)]
        try:
            with self._lock:
                self._queue.append(turns[0])
                self._call()
            turns[0].wait()
            with self._lock:
                more = turns[1 : 1 + max(0, self.n_cores - len(self._queue))]
                self._queue += more
            yield 1 + len(more)
        finally:
            try:
                self._leave(turns)
            finally:  # Ctrl-C may have cut the first short
                self._leave(turns)

    def _leave(self, turns: list[Event]) -> None:
        with self._lock:
            self._queue = [turn for turn in self._queue if turn not in turns]
            self._call()

    def _call(self) -> None:
        for turn in self._queue[: self.n_cores]:
            turn.set()

    def reset(self) -> None:
        """Forget all other threads, as a forked process has none."""
        self._queue = []
        self._lock = Lock()


cores = Cores(joblib.cpu_count())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=cores.reset)
