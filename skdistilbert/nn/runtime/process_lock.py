"""A lock that a forked process finds free."""

from __future__ import annotations

import os
from threading import Lock


class ProcessLock:
    """A lock for the whole life of a process.

    Another thread may hold it when the process forks. This thread does not exist in the child, so
    the child starts with a new lock.
    """

    def __init__(self) -> None:
        self._reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
