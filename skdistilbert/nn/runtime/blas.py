"""The BLAS libraries of the process: their number of threads and their kernels."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Iterator


class _BlasThreads:
    """The process-wide number of BLAS threads, with a limit that concurrent calls share."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._holders: set[object] = set()  # calls that need single-threaded BLAS now
        self._unlimited: list[int] = []  # thread counts before the first of them

    def unlimited(self) -> list[int]:
        """Return the thread count of each library, ignoring our own limit."""
        with self._lock:
            return self._unlimited if self._holders else _thread_counts()

    @contextmanager
    def limit_to_one(self) -> Iterator[bool]:
        """Limit BLAS to one thread per call, and yield whether BLAS respects the limit."""
        holder = object()
        try:
            with self._lock:
                if not self._holders:
                    self._unlimited = _thread_counts()
                self._holders.add(holder)
                _set_thread_counts([1] * len(self._unlimited))
                is_single_threaded = max(_thread_counts(), default=1) == 1
            yield is_single_threaded
        finally:
            try:
                self._release(holder)
            finally:  # Ctrl-C may have interrupted the first attempt.
                self._release(holder)

    def _release(self, holder: object) -> None:
        with self._lock:
            if self._holders == {holder}:
                _set_thread_counts(self._unlimited)
            self._holders.discard(holder)

    def reset(self) -> None:
        """Forget the threads of the parent process, after a fork."""
        self._lock = Lock()
        if self._holders:
            self._holders = set()
            _set_thread_counts(self._unlimited)


blas_threads = _BlasThreads()
# For products outside of `for_each`. After a product, OpenBLAS's own threads keep their cores busy
# for tens of milliseconds. On an Intel Xeon, a forward pass then took 1.7 times as long.
single_threaded_blas = blas_threads.limit_to_one
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=blas_threads.reset)


def _thread_counts() -> list[int]:
    return [library.num_threads for library in blas_libraries()]


def _set_thread_counts(counts: list[int]) -> None:
    for library, count in zip(blas_libraries(), counts, strict=True):
        if library.num_threads != count:
            # Newer versions of threadpoolctl ignore limits set by any thread but the first one
            # that did so. Our lock already orders the threads, and users may set limits after us.
            clear = getattr(library, "clear_controlling_thread", lambda **_: None)
            clear(force=True)
            library.set_num_threads(count)
            clear(force=True)


@cache
def blas_libraries() -> tuple[Any, ...]:
    """Return threadpoolctl's controllers of the loaded BLAS libraries that may have threads."""
    # Searching the loaded libraries takes milliseconds, so it is done once.
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple(library for library in libraries if _may_have_threads(library))


def _may_have_threads(library: Any) -> bool:  # noqa: ANN401
    # The MKL that we load is sequential. A broken library has no number of threads.
    is_sequential = getattr(library, "threading_layer", None) == "sequential"
    return library.num_threads is not None and not is_sequential


@cache
def blas_architectures() -> frozenset[str]:
    """Return the lower-case names of the processors for which BLAS selected its kernels."""
    return frozenset(str(getattr(lib, "architecture", "")).lower() for lib in blas_libraries())
