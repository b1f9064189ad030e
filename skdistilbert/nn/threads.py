"""Threads: how many there may be, and how batches are shared out among them.

Several batches run in Python threads of our own with BLAS held to one thread each, as NumPy
releases the interpreter lock and the element-wise work then runs in parallel too. A single batch
uses the threads of BLAS.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar

import joblib
import numpy as np
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")


class _BlasLimit:
    """The one process-wide limit on BLAS threads, shared by all who ask at the same time.

    threadpoolctl lets a single Python thread, the first that asked, change the limit of a BLAS
    with its own thread pool, as long as that thread lives; what others ask for is passed over.
    So every holder restores, on leaving, what was allowed before the first one came: whoever may
    change the limit does, at the latest when it leaves itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders: set[object] = set()
        self._before: list[int] = []

    def allowed(self) -> int:
        """How many threads BLAS may use now, as the caller or the environment has set it."""
        with self._lock:
            counts = self._before if self._holders else _blas_thread_counts()
        return min(counts, default=joblib.cpu_count())

    @contextmanager
    def hold(self, n_threads: int) -> Iterator[int]:
        """Keep BLAS to a number of threads; yields the number it really is kept to."""
        holder = object()
        try:
            yield self._limit(holder, n_threads)
        finally:
            try:
                self._release(holder)
            finally:  # Ctrl-C may have cut the first short
                self._release(holder)

    def _limit(self, holder: object, n_threads: int) -> int:
        with self._lock:
            if not self._holders:
                self._before = _blas_thread_counts()
            self._holders.add(holder)
            _set_blas_threads([n_threads] * len(self._before))
            return max(_blas_thread_counts(), default=n_threads)

    def _release(self, holder: object) -> None:
        with self._lock:
            if holder in self._holders:
                _set_blas_threads(self._before)
                self._holders.discard(holder)


_blas_limit = _BlasLimit()


def _blas_thread_counts() -> list[int]:
    return [library.num_threads for library in _blas_libraries()]


def _set_blas_threads(counts: list[int]) -> None:
    for library, count in zip(_blas_libraries(), counts, strict=True):
        if library.num_threads != count:
            library.set_num_threads(count)


@cache
def _blas_libraries() -> tuple[Any, ...]:
    # Looking through the loaded libraries takes milliseconds, setting a limit microseconds.
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


def effective_n_threads(n_threads: int | None) -> int:
    """Give the number of threads to use: the one asked for, or what BLAS may use right now."""
    if n_threads is None:
        return _blas_limit.allowed()
    if not isinstance(n_threads, Integral) or n_threads < 1:
        raise ValueError(f"n_threads must be a positive integer or None; got {n_threads!r}.")
    return int(n_threads)


def for_each(function: Callable[[Item], None], items: Iterable[Item], n_threads: int) -> None:
    """Call `function` on every item, in as many threads as there are items and threads.

    The first error ends the work in every thread and is raised, with all limits restored.
    """
    pending = deque(items)
    n_workers = max(1, min(n_threads, len(pending)))
    with _blas_limit.hold(1 if n_workers > 1 else n_threads) as n_blas_threads:
        if n_workers == 1 or n_blas_threads > 1:
            _work_off(function, pending)
        else:
            _share_out(function, pending, n_workers)


def _share_out(function: Callable[[Item], None], pending: deque[Item], n_workers: int) -> None:
    # Leaving the pool waits for its threads: none works on after an error or Ctrl-C.
    with ThreadPoolExecutor(n_workers - 1) as pool:
        try:
            helpers = [pool.submit(_work_off, function, pending) for _ in range(n_workers - 1)]
            _work_off(function, pending)
            for helper in helpers:
                helper.result()
        finally:
            pending.clear()


def _work_off(function: Callable[[Item], None], pending: deque[Item]) -> None:
    try:
        # Overflow in the squares of the activation ends in its correct limit; where weights are
        # too large for float32 the result is NaN, as torch's is.
        with np.errstate(all="ignore"):
            while pending:
                try:
                    item = pending.popleft()
                except IndexError:  # another thread was faster
                    break
                function(item)
    finally:
        pending.clear()
