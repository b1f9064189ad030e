"""Threads that are kept for the next call: to start some anew would cost a short text 5 %."""

from __future__ import annotations

import os
import sys
import weakref
from collections import deque
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from skdistilbert.nn.runtime.cores import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[[], Any]
    Outcome = tuple[Any, BaseException | None]


class Helper:
    """A thread that makes one call after the other, until one raises."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        # A daemon, as at its end Python would wait for a thread that waits for work.
        self._thread = Thread(target=_make_calls, args=(self._calls, self._outcomes), daemon=True)
        weakref.finalize(self, self._calls.put, sys.exit)  # if Ctrl-C comes before it is kept
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it can be given work."""
        return self._thread.is_alive()

    def start(self, call: Call) -> None:
        """Have something called, and go on."""
        self._calls.put(call)

    def result(self) -> Any:  # noqa: ANN401
        """Wait for what the call returns; or raise what it raises, which ends the thread."""
        result, error = self._outcomes.get()
        try:
            if error is not None:
                raise error
        finally:
            del error  # or it and this call would keep each other alive, and all that was in work
        return result

    def dismiss(self) -> None:
        """End the thread, after the calls that it has been given."""
        self._calls.put(sys.exit)
        self._thread.join()


def _make_calls(calls: SimpleQueue[Call], outcomes: SimpleQueue[Outcome]) -> None:
    """Make the calls, and keep nothing of them alive while there are none."""
    try:
        while True:
            outcomes.put((calls.get()(), None))
    except BaseException as error:
        outcomes.put((None, error))


# No more than there are cores: one that is pushed out is lost, and ends.
_idle: deque[Helper] = deque(maxlen=cores.n_cores)


@contextmanager
def helpers(n_helpers: int) -> Iterator[list[Helper]]:
    """Have so many threads to oneself; after an error they have ended, else they are kept.

    All that they were given must have been waited for, but after an error.
    """
    taken: list[Helper] = []
    try:
        while len(taken) < n_helpers:
            taken.append(_idle_or_new())
        yield taken
        while taken:
            _idle.append(taken.pop())
    finally:
        for helper in taken:
            helper.dismiss()


def _idle_or_new() -> Helper:
    with suppress(IndexError):  # there are none
        while True:
            helper = _idle.pop()
            if helper.is_alive:
                return helper
    return Helper()


def dismiss_idle() -> None:
    """End the threads that are kept."""
    with suppress(IndexError):  # there are none; another thread may have taken the last
        while True:
            _idle.pop().dismiss()


# A fork beside other threads may deadlock, of which Python warns; and it would not have them.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=dismiss_idle, after_in_child=_idle.clear)
