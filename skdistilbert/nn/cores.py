"""The cores of the machine, which all threads of the process share."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
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
        self._queue: list[object] = []
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a core, and have it in the block; not to be nested."""
        ticket = object()
        try:
            with self._changed:
                self._queue.append(ticket)
                self._changed.wait_for(lambda: ticket in self._queue[: self.n_cores])
            yield
        finally:
            try:
                self._leave(ticket)
            finally:  # Ctrl-C may have cut the first short
                self._leave(ticket)

    def _leave(self, ticket: object) -> None:
        with self._changed:
            if ticket in self._queue:
                self._queue.remove(ticket)
                self._changed.notify_all()

    def reset(self) -> None:
        """Forget all other threads, as a forked process has none."""
        self._queue = []
        self._changed = threading.Condition()


cores = Cores(joblib.cpu_count())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=cores.reset)
