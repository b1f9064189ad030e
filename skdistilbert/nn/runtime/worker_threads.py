"""Worker threads that are kept for the next call.

Starting threads in each call would cost a short text 5 % of its time. Each worker thread is a
`ThreadPoolExecutor` of one thread.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from skdistilbert.nn.runtime.cores import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Result = TypeVar("Result")

# If more threads are returned than there are cores, the oldest is discarded and ends.
_idle: deque[ThreadPoolExecutor] = deque(maxlen=cores.count)


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
            _idle.pop().shutdown()


# A process that forks while it has other threads may deadlock, and Python warns about it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=stop_idle_threads, after_in_child=_idle.clear)
