"""Distribution of work over threads, which are kept for the next call.

Starting threads in each call would cost a short text 5 % of its time. Each worker thread is a
`ThreadPoolExecutor` of one thread.
"""

from __future__ import annotations

import os
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from multiprocessing import current_process
from pathlib import Path
from threading import get_native_id
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import joblib
import numpy as np

from skdistilbert.nn.runtime.blas import blas_threads
from skdistilbert.nn.runtime.cores import cores
from skdistilbert.number_checks import is_integer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

# If more threads are returned than there are cores, the oldest is discarded and ends.
_idle: deque[ThreadPoolExecutor] = deque(maxlen=cores.count)


def resolve_n_threads(n_threads: int | None) -> int:
    """Return the number of threads to use; None means as many as BLAS may use now."""
    if n_threads is None:
        # A multiprocessing pool already has one process per core; joblib uses the same rule.
        if current_process().daemon:
            return 1
        # joblib reads files to count the cores, so it is asked only if BLAS is unknown.
        return min(blas_threads.unlimited(), default=0) or int(joblib.cpu_count())
    if not is_integer(n_threads) or n_threads < 1:
        raise ValueError(f"n_threads must be a positive integer or None; got {n_threads!r}.")
    return int(n_threads)


class Workers:
    """The threads that may work on one item: the calling thread and worker threads."""

    def __init__(self, threads: Sequence[ThreadPoolExecutor] = ()) -> None:
        self._threads = threads

    @property
    def count(self) -> int:
        """Number of threads."""
        return 1 + len(self._threads)

    def map(self, function: Callable[[Item], Result], parts: Sequence[Item]) -> Iterator[Result]:
        """Call `function` on the parts of an item in parallel, and iterate over the results.

        There must be at most `count` parts, unless `count` is 1. When this method returns, the
        first result is known, while the other parts may still be running. The caller must consume
        all results.
        """
        if self.count == 1:
            return map(function, parts)
        pairs = zip(self._threads, parts[1:], strict=False)
        pending = deque([submit(thread, function, part) for thread, part in pairs])
        first = function(parts[0])
        # Results are removed, so that an error is not kept alive by its own traceback.
        return chain([first], (pending.popleft()() for _ in range(len(pending))))


ONE_WORKER = Workers()


def for_each(
    function: Callable[[Item, Workers], None], items: Iterable[Item], n_threads: int
) -> None:
    """Call `function(item, workers)` on every item, on up to `n_threads` threads.

    Several items run in parallel, each with `ONE_WORKER`. A single item gets all idle cores as
    its `workers`. The first error ends the work in all threads and is raised. `function` must not
    call `for_each`.
    """
    pending = deque(items)
    n_threads = min(n_threads, cores.count)
    # Overflow in the squares of the activation ends in its correct limit. If weights are too large
    # for float32, the result is NaN, as with torch.
    with blas_threads.limit_to_one() as is_single_threaded, np.errstate(all="ignore"):
        if not is_single_threaded:
            n_threads = 1
        if len(pending) == 1:
            with cores.acquire(n_threads) as n_cores, borrow_threads(n_cores - 1) as threads:
                function(pending.pop(), Workers(threads))
        else:
            with borrow_threads(min(n_threads, len(pending)) - 1) as threads:
                _ItemQueue(function, pending).run(threads)


class _ItemQueue(Generic[Item]):
    """Items that the calling thread and worker threads take one by one."""

    def __init__(self, function: Callable[[Item, Workers], None], pending: deque[Item]) -> None:
        self._function = function
        self._pending = pending
        self._results: deque[Callable[[], Any]] = deque()

    def run(self, threads: Sequence[ThreadPoolExecutor]) -> None:
        """Run all items."""
        for thread in threads:
            self._continue_in(thread)
        while self._pending:
            self._run_next()
        while self._results:
            self._results.popleft()()

    def _continue_in(self, thread: ThreadPoolExecutor) -> None:
        # One item per submission: after an error, or at interpreter shutdown, the thread then
        # ends after its current item.
        if self._pending:
            self._results.append(submit(thread, self._run_next_and_continue_in, thread))

    def _run_next_and_continue_in(self, thread: ThreadPoolExecutor) -> None:
        try:
            self._run_next()
        except BaseException:
            self._pending.clear()  # ends the work in the other threads
            raise
        self._continue_in(thread)

    def _run_next(self) -> None:
        with cores.acquire():  # before an item is taken, so that items start in their order
            try:
                item = self._pending.popleft()
            except IndexError:  # Another thread took the last item.
                return
            self._function(item, ONE_WORKER)


@contextmanager
def borrow_threads(count: int) -> Iterator[list[ThreadPoolExecutor]]:
    """Borrow worker threads; after an error, wait for their current work and stop them."""
    borrowed: list[ThreadPoolExecutor] = []
    try:
        while len(borrowed) < count:
            borrowed.append(_idle_or_new_thread())
        yield borrowed
        while borrowed:
            _idle.append(borrowed.pop())
    finally:
        for thread in borrowed:
            thread.shutdown(cancel_futures=True)


def _idle_or_new_thread() -> ThreadPoolExecutor:
    try:
        return _idle.pop()
    except IndexError:
        ignore_fp_errors = partial(np.seterr, all="ignore")  # as `for_each` does in its caller
        return ThreadPoolExecutor(1, "skdistilbert", ignore_fp_errors)


def submit(
    thread: ThreadPoolExecutor, function: Callable[..., Result], *args: object
) -> Callable[[], Result]:
    """Start a call in a worker thread and return a function that waits for its result.

    At interpreter shutdown, worker threads have ended; the returned function then makes the call.
    """
    try:
        return thread.submit(function, *args).result
    except RuntimeError:
        return partial(function, *args)


def stop_idle_threads() -> None:
    """Stop the worker threads that wait for work."""
    with suppress(IndexError):
        while True:
            thread = _idle.pop()
            native_id = submit(thread, get_native_id)()
            thread.shutdown()
            if native_id != get_native_id():  # the calling thread, at interpreter shutdown
                _wait_for_end(native_id)


def _wait_for_end(native_id: int) -> None:
    """Wait until a thread that was shut down has ended, at most a second.

    Before Python 3.13, `shutdown` returns a little earlier. MKL holds a lock while the thread
    ends; a process that is forked then would wait for this lock forever.
    """
    deadline = time.monotonic() + 1
    while Path(f"/proc/self/task/{native_id}").exists() and time.monotonic() < deadline:
        time.sleep(1e-4)


# A process that forks while it has other threads may deadlock, and Python warns about it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=stop_idle_threads, after_in_child=_idle.clear)
