"""Timing engines against each other: each in a process of its own, turn by turn.

Thread pools of different libraries disturb each other within a process, and a machine's speed
drifts: so every engine lives alone, they take turns, and medians are compared.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Short work is repeated within one measurement until it takes so long.
SECONDS_A_MEASUREMENT = 0.2
# The threads of the engine before spin for a while before they sleep.
SECONDS_OF_REST = 0.1


class Engine(Protocol):
    """Runs one kind of work, given as any picklable value, in its own process.

    It may give the seconds itself, where not all that it does counts.
    """

    def run(self, work: Any) -> float | None: ...  # noqa: ANN401


class EngineProcess:
    """An engine in a fresh process, with the libraries' threads set before they load."""

    def __init__(self, make_engine: Callable[[], Engine], n_threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        # Not a daemon: skdistilbert keeps to one thread there, as in a pool of processes.
        self._process = context.Process(target=_serve, args=(make_engine, theirs))
        with _threads_of_libraries(n_threads):
            self._process.start()
        theirs.close()

    def seconds(self, work: Any) -> float:  # noqa: ANN401
        """Seconds that one run of `work` takes, the median of repeats where it is short."""
        self._connection.send(work)
        answer = self._connection.recv()
        if isinstance(answer, Exception):
            raise answer
        return float(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()


class EngineOfPython(EngineProcess):
    """An engine under another interpreter, which has what it needs installed."""

    def __init__(self, python: str, make_engine: Callable[[], Engine], n_threads: int) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        file = theirs.fileno()
        command = [python, "-m", "benchmarks.measuring", str(file)]
        with _threads_of_libraries(n_threads):
            self._child = subprocess.Popen(command, pass_fds=[file])
        theirs.close()
        self._connection.send(make_engine)

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._child.wait()


THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def _threads_of_libraries(n_threads: int) -> Iterator[None]:
    """Have processes that start meanwhile use so many."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(n_threads)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(make_engine: Callable[[], Engine], connection: Connection) -> None:
    engine = make_engine()
    while True:
        try:
            work = connection.recv()
        except EOFError:
            return
        try:
            answer: float | Exception = _time(engine, work)
        except Exception as error:
            answer = error
        connection.send(answer)


def _time(engine: Engine, work: Any) -> float:  # noqa: ANN401
    time.sleep(SECONDS_OF_REST)
    seconds: list[float] = []
    while sum(seconds) < SECONDS_A_MEASUREMENT:
        start = time.perf_counter()
        counted = engine.run(work)
        elapsed = time.perf_counter() - start
        seconds.append(elapsed if counted is None else counted)
    return statistics.median(seconds)


@dataclass(frozen=True)
class Measurement:
    """Seconds of each round of one engine on one case."""

    seconds: list[float]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Slowest less fastest round, as a share of the median."""
        return (max(self.seconds) - min(self.seconds)) / self.median


def alternate(
    engines: Mapping[str, EngineProcess],
    works: Mapping[str, Any],
    rounds: int,
    warm_up: Mapping[str, Any] | None = None,
) -> dict[str, Measurement]:
    """Time each engine on its form of the same work, turn by turn, after a round of warm-up."""
    for name, work in (warm_up or works).items():
        engines[name].seconds(work)
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, engine in engines.items():
            seconds[name].append(engine.seconds(works[name]))
    return {name: Measurement(values) for name, values in seconds.items()}


@contextmanager
def engine_processes(
    makers: Mapping[str, Callable[[], Engine]],
    n_threads: int,
    pythons: Mapping[str, str] = {},
) -> Iterator[dict[str, EngineProcess]]:
    """Start every engine, some under other interpreters; all end with the block."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                EngineOfPython(pythons[name], make, n_threads)
                if name in pythons
                else EngineProcess(make, n_threads)
            )
            for name, make in makers.items()
        }


def _serve_parent() -> None:
    connection = Connection(int(sys.argv[1]))
    _serve(connection.recv(), connection)


if __name__ == "__main__":
    _serve_parent()
