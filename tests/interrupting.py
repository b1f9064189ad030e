"""Raise an error at any line of the package, as Ctrl-C or a lack of memory may."""

from __future__ import annotations

import gc
import linecache
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import skdistilbert
from skdistilbert.nn.runtime.blas import blas_libraries
from skdistilbert.nn.runtime.cores import cores
from skdistilbert.nn.runtime.workers import stop_idle_threads

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

PACKAGE = str(Path(skdistilbert.__file__).parent)


class Line(NamedTuple):
    """A line of the package that runs in the main thread or in another one."""

    code: CodeType
    number: int
    in_main_thread: bool

    @property
    def source(self) -> str:
        return linecache.getline(self.code.co_filename, self.number).strip()

    def __str__(self) -> str:
        file = Path(self.code.co_filename).relative_to(PACKAGE).as_posix()
        thread = "" if self.in_main_thread else " in another thread"
        return f"{file}:{self.number} {self.code.co_qualname}{thread}"


def lines_of(action: Callable[[], object]) -> list[Line]:
    """Return every line of the package that an action runs, in order.

    Lines that a signal cannot interrupt are left out. Python checks for signals after calls and at
    jumps. It does not check at ``try:``, nor between the last call of a block and a single call
    after ``finally:``.
    """
    lines: dict[Line, None] = {}
    with _Tracing(lambda line: lines.setdefault(line)):
        action()
        lines_of_action = list(lines)  # without the lines that stop its threads
    return [
        line for line in lines_of_action if line.source not in ("try:", "os.close(descriptor)")
    ]


def interrupt(action: Callable[[], object], at: Line, error: BaseException) -> bool:
    """Run an action, raise an error when it first reaches a line, and return whether it did.

    With several threads it may not reach the line, because another thread does the work.
    """

    def visit(line: Line) -> None:
        if line == at and not done:
            done.append(True)
            raise error

    done: list[bool] = []
    with _Tracing(visit, at.code):
        try:
            action()
        except type(error) as raised:
            if raised is not error:
                raise
            error.__traceback__ = error.__context__ = None  # They keep the interrupted work alive.
            return True
    assert not done, "the error was lost"
    return False


class _Tracing:
    """Call a function with each line of the package, or of some code, before it runs.

    Python traces only threads that start after the tracer is set, so idle threads are stopped.
    """

    def __init__(self, visit: Callable[[Line], object], code: CodeType | None = None) -> None:
        self.visit, self.code = visit, code

    def __enter__(self) -> None:
        stop_idle_threads()
        self.before = sys.gettrace()
        threading.settrace(self._call)
        sys.settrace(self._call)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)
        threading.settrace(self.before)
        stop_idle_threads()

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401, ARG002
        if self.code is None:
            is_traced = frame.f_code.co_filename.startswith(PACKAGE)
        else:
            is_traced = frame.f_code is self.code  # other lines take most of the time
        return self._line if is_traced else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:  # noqa: ANN401, ARG002
        if event == "line":
            in_main = threading.current_thread() is threading.main_thread()
            self.visit(Line(frame.f_code, frame.f_lineno, in_main))
        return self._line


class Resources(NamedTuple):
    """Resources of the process that an error may leave changed."""

    threads: frozenset[threading.Thread]
    blas_threads: tuple[int, ...]
    cores: int
    open_files: int


def resources() -> Resources:
    """Return the resources that this process holds now, except idle worker threads."""
    stop_idle_threads()
    descriptors = Path("/proc/self/fd")
    return Resources(
        frozenset(threading.enumerate()),
        tuple(library.num_threads for library in blas_libraries()),
        len(cores._queue),
        len(list(descriptors.iterdir())) if descriptors.is_dir() else 0,
    )


def assert_released(before: Resources) -> None:
    """Raise if this process holds more resources than before, or has other limits."""
    if _is_released(before):
        return
    gc.collect()  # some are held in cycles of references
    for thread in resources().threads - before.threads:
        thread.join(1)  # A discarded worker thread is about to end.
    assert _is_released(before), (resources(), before)


def _is_released(before: Resources) -> bool:
    now = resources()  # threads and files of other tests may have ended
    limits = now.blas_threads == before.blas_threads and now.cores == before.cores
    return limits and now.threads <= before.threads and now.open_files <= before.open_files
