"""Time engines against each other, and measure the memory of a process.

Thread pools of different libraries disturb each other within one process, and the speed of a
machine drifts. Therefore each engine has its own process, and the engines alternate. Medians of
the rounds are compared.
"""

from __future__ import annotations

import os
import pickle
import re
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).parents[1]
STATUS = Path("/proc/self/status")
# A short piece of work is repeated within one measurement for this long. Before the measurement
# is a pause of half this duration, because threads of the previous engine spin before they sleep.
SECONDS_PER_MEASUREMENT = 0.2
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# `skdistilbert` is imported from the checkout, and `benchmarks` from this directory.
START_SERVER = """
import sys
sys.path.insert(0, {checkout!r})
import skdistilbert
sys.path[0] = {root!r}
from benchmarks.measuring import serve
serve()
"""


class Engine(Protocol):
    """Runs work in its own process; `run` may return the seconds that it measured itself."""

    def run(self, work: Any) -> float | None: ...  # noqa: ANN401


class EngineProcess:
    """An engine in a new process, where the number of threads is set before any import.

    Parameters
    ----------
    make_engine : callable
        Picklable; called without arguments in the new process.
    n_threads : int
        Number of threads of BLAS and OpenMP.
    python : str
        The interpreter of the process.
    checkout : Path
        The directory from which the process imports `skdistilbert`.

    Attributes
    ----------
    peak : int or None
        Peak memory of the process in bytes, after the last measurement.
    """

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        n_threads: int,
        python: str = sys.executable,
        checkout: Path = ROOT,
    ) -> None:
        self.peak: int | None = None
        code = START_SERVER.format(checkout=str(checkout), root=str(ROOT))
        self._process = subprocess.Popen(
            [python, "-W", "ignore", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(n_threads)),
        )
        self._send(make_engine)

    def seconds(self, work: Any) -> float:  # noqa: ANN401
        """Return the seconds of one run of `work`, the median of several if it is short."""
        self._send((work, SECONDS_PER_MEASUREMENT))
        assert self._process.stdout is not None
        answer = pickle.load(self._process.stdout)
        if isinstance(answer, Exception):
            raise answer
        seconds, self.peak = answer
        return float(seconds)

    def _send(self, message: object) -> None:
        assert self._process.stdin is not None
        pickle.dump(message, self._process.stdin)
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def serve() -> None:
    """Create the engine that the parent process sends, and time the work that follows."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # text that libraries print must not mix with the answers
    engine = pickle.load(requests)()
    while True:
        try:
            work, duration = pickle.load(requests)
        except EOFError:
            return
        try:
            answer: object = _time(engine, work, duration), peak_memory()
        except Exception as error:
            answer = error
        pickle.dump(answer, answers)
        answers.flush()


def _time(engine: Engine, work: Any, duration: float) -> float:  # noqa: ANN401
    time.sleep(duration / 2)
    seconds: list[float] = []
    deadline = time.perf_counter() + 10 * duration
    while not seconds or (sum(seconds) < duration and time.perf_counter() < deadline):
        start = time.perf_counter()
        measured = engine.run(work)
        elapsed = time.perf_counter() - start
        seconds.append(elapsed if measured is None else measured)
    return statistics.median(seconds)


def alternate(
    engines: Mapping[str, EngineProcess],
    works: Mapping[str, Any],
    rounds: int,
    warm_up: Mapping[str, Any] | None = None,
) -> dict[str, list[float]]:
    """Return the seconds of each engine in each round, after a round that is not counted."""
    for name, work in (warm_up or works).items():
        engines[name].seconds(work)
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            seconds[name].append(engine.seconds(works[name]))
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(rounds) for name, rounds in seconds.items()}


@contextmanager
def engine_processes(
    makers: Mapping[str, Callable[[], Engine]],
    n_threads: int,
    options: Mapping[str, Mapping[str, Any]] = {},
) -> Iterator[dict[str, EngineProcess]]:
    """Start one process per engine, with further `options` of some, and end all at the exit."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(EngineProcess(make, n_threads, **options.get(name, {})))
            for name, make in makers.items()
        }


def memory_in_use() -> int | None:
    """Return the bytes of physical memory in use, or None where /proc does not exist."""
    return from_status("VmRSS") if STATUS.is_file() else None


def peak_memory() -> int | None:
    """Return the peak of physical memory in bytes, or None on Windows."""
    if STATUS.is_file():
        return from_status("VmHWM")
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def from_status(field: str) -> int:
    """Return a field of /proc/self/status in bytes (Linux)."""
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text("ascii"))
    assert found is not None, field
    return 1024 * int(found[1])
