"""Threads: how many there may be, and how work is shared out among them.

Batches, or the parts of a single one, run in Python threads of our own with BLAS held to one
thread each: NumPy releases the interpreter lock, so the element-wise work runs in parallel too.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import current_process
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar

import joblib
import numpy as np
from threadpoolctl import ThreadpoolController

from skdistilbert.nn.runtime.cores import cores
from skdistilbert.nn.runtime.helpers import helpers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from skdistilbert.nn.runtime.helpers import Helper

Item = TypeVar("Item")
Result = TypeVar("Result")


class _BlasLimit:
    """The one process-wide limit on BLAS threads, shared by all who ask at the same time.

    The lowest that is asked for holds; what was allowed before is restored when the last leaves.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_for: dict[object, int] = {}
        self._before: list[int] = []

    def allowed(self) -> int:
        """How many threads BLAS may use now, as the caller or the environment has set it."""
        with self._lock:
            counts = self._before if self._asked_for else _blas_thread_counts()
        # joblib reads files to count the processors, so it is asked only where BLAS is unknown.
        return min(counts) if counts else int(joblib.cpu_count())

    @contextmanager
    def hold(self, n_threads: int) -> Iterator[int]:
        """Keep BLAS to a number of threads; yields the number it really is kept to."""
        holder = object()
        try:
            yield self._ask(holder, n_threads)
        finally:
            try:
                self._leave(holder)
            finally:  # Ctrl-C may have cut the first short
                self._leave(holder)

    def _ask(self, holder: object, n_threads: int) -> int:
        with self._lock:
            if not self._asked_for:
                self._before = _blas_thread_counts()
            self._asked_for[holder] = n_threads
            self._apply(self._asked_for)
            return max(_blas_thread_counts(), default=n_threads)

    def _leave(self, holder: object) -> None:
        with self._lock:
            if holder in self._asked_for:
                others = {other: n for other, n in self._asked_for.items() if other != holder}
                self._apply(others)
                self._asked_for = others

    def _apply(self, asked_for: dict[object, int]) -> None:
        lowest = min(asked_for.values(), default=None)
        _set_blas_threads(self._before if lowest is None else [lowest] * len(self._before))

    def reset(self) -> None:
        """Forget all other threads, as a forked process has none."""
        self._lock = threading.Lock()
        if self._asked_for:
            self._asked_for = {}
            self._apply(self._asked_for)


_blas_limit = _BlasLimit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_blas_limit.reset)


def blas_in_one_thread() -> AbstractContextManager[int]:
    """Hold BLAS to one thread a call, in the whole process; gives what it is really held to."""
    return _blas_limit.hold(1)


def _blas_thread_counts() -> list[int]:
    return [library.num_threads for library in _blas_libraries()]


def _set_blas_threads(counts: list[int]) -> None:
    for library, count in zip(_blas_libraries(), counts, strict=True):
        if library.num_threads != count:
            _let_this_thread_control(library)
            library.set_num_threads(count)
            _let_this_thread_control(library)


def _let_this_thread_control(library: Any) -> None:  # noqa: ANN401
    # Newer versions of threadpoolctl let only the first thread that asked set the limit, as long
    # as it lives, and pass over what others ask for. Ours is kept in order by `_BlasLimit`, and
    # after it any thread may go on.
    if hasattr(library, "clear_controlling_thread"):
        library.clear_controlling_thread(force=True)


@cache
def _blas_libraries() -> tuple[Any, ...]:
    # Looking through the loaded libraries takes milliseconds, setting a limit microseconds.
    return tuple(ThreadpoolController().select(user_api="blas").lib_controllers)


@cache
def blas_architectures() -> frozenset[str]:
    """Name the processors whose kernels the BLAS libraries have chosen, in lower case."""
    libraries = _blas_libraries()
    return frozenset(str(getattr(library, "architecture", "")).lower() for library in libraries)


def resolve_n_threads(n_threads: int | None) -> int:
    """Give the number of threads to use: the one asked for, or what BLAS may use right now."""
    if n_threads is None:
        # A pool of processes has one a core already; joblib starts no threads there, either.
        return 1 if current_process().daemon else _blas_limit.allowed()
    if not isinstance(n_threads, Integral) or n_threads < 1:
        raise ValueError(f"n_threads must be a positive integer or None; got {n_threads!r}.")
    return int(n_threads)


class Workers:
    """The threads that may work on one item: the calling one, and helpers."""

    def __init__(self, helpers: Sequence[Helper] = ()) -> None:
        self._helpers = helpers

    @property
    def count(self) -> int:
        """Number of threads."""
        return 1 + len(self._helpers)

    def map(self, function: Callable[[Item], Result], parts: Sequence[Item]) -> Iterator[Result]:
        """Call `function` on each part of an item, at the same time.

        There are as many parts as threads, or fewer. The first result is returned while others
        may be computed; all must be taken.
        """
        others = self._helpers[: len(parts) - 1]
        if not others:
            yield from map(function, parts)
            return
        for helper, part in zip(others, parts[1:], strict=True):
            helper.start(partial(_quietly, function, part))
        yield function(parts[0])
        for helper in others:
            yield helper.result()


ONE_WORKER = Workers()


def for_each(
    function: Callable[[Item, Workers], None], items: Iterable[Item], n_threads: int
) -> None:
    """Call `function(item, workers)` on every item, in up to `n_threads` threads.

    Of all threads that do so at the same time, one a core is at work. A single item has the cores
    that are free as its `workers`. The first error ends the work in every thread and is
    raised, with all limits restored. `function` must not do the same.
    """
    pending = deque(items)
    with blas_in_one_thread() as n_blas_threads:
        if n_threads == 1 or n_blas_threads > 1:
            _work_off(function, pending)
        elif len(pending) == 1:
            _work_with_helpers(function, pending.pop(), n_threads)
        else:
            _share_out(function, pending, min(n_threads, len(pending)))


def _work_with_helpers(
    function: Callable[[Item, Workers], None], item: Item, n_threads: int
) -> None:
    with cores.up_to(n_threads) as n_cores, helpers(n_cores - 1) as taken:
        _quietly(function, item, Workers(taken))


def _share_out(
    function: Callable[[Item, Workers], None], pending: deque[Item], n_workers: int
) -> None:
    # After an error or Ctrl-C `helpers` waits for them: none works on.
    with helpers(n_workers - 1) as taken:
        try:
            for helper in taken:
                helper.start(partial(_work_off, function, pending))
            _work_off(function, pending)
            for helper in taken:
                helper.result()
        finally:
            pending.clear()


def _work_off(function: Callable[[Item, Workers], None], pending: deque[Item]) -> None:
    try:
        while pending:
            with cores.up_to(1):  # before an item is taken, so that items are begun in order
                try:
                    item = pending.popleft()
                except IndexError:  # another thread was faster
                    break
                _quietly(function, item, ONE_WORKER)
    finally:
        pending.clear()


def _quietly(function: Callable[..., Result], *args: Any) -> Result:  # noqa: ANN401
    # Overflow in the squares of the activation ends in its correct limit; where weights are too
    # large for float32 the result is NaN, as torch's is.
    with np.errstate(all="ignore"):
        return function(*args)
