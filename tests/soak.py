"""Use estimators in many threads of several processes for minutes, and check for leaks.

    python -m tests.soak [--minutes 5] [--model DIRECTORY] [--max-requests N]

Each of 2 processes answers requests in 8 threads: features, probabilities, fits of a head, and
fits of the top layer. Each answer is compared with that of a single thread. The script exits with
1 if an answer differs by more than 1e-5, if memory, threads or open files grow, or if the number
of BLAS threads has changed. The default model is the DistilBERT of dim 32 in the tests.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import multiprocessing
import os
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks.measuring import memory_in_use
from skdistilbert import DistilBertClassifier, DistilBertEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "data" / "distilbert-tiny"
N_PROCESSES, N_THREADS, N_DIFFERENT = 2, 8, 32
TOLERANCE = 1e-5
# From the second to the last quarter of the time; the allocator may keep less than this.
MAX_GROWTH = 20_000_000


class Requests:
    """The estimators that all threads of a process share, and the requests to them."""

    kinds = ("transform", "predict_proba", "fit", "fine-tune")

    def __init__(self, model: Path) -> None:
        with (ROOT / "examples" / "support_requests.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.texts = [row["text"] for row in rows]
        self.intents = [row["intent"] for row in rows]
        self.model = model
        self.embedder = DistilBertEmbedder(model, pooling="mean").fit(self.texts)
        self.classifier = DistilBertClassifier(model, max_iter=5, random_state=0)
        self.classifier.fit(self.texts, self.intents)

    def answer(self, number: int) -> np.ndarray:
        """Return the answer to one of `N_DIFFERENT` requests; it depends on the number only."""
        kind = self.kinds[number % len(self.kinds)]
        rows = np.random.default_rng(number).permutation(len(self.texts))[: 8 + number]
        texts = [self.texts[row] for row in rows]
        if kind == "transform":
            return np.asarray(self.embedder.transform(texts))
        if kind == "predict_proba":
            return np.asarray(self.classifier.predict_proba(texts))
        layers, iterations = (0, 5) if kind == "fit" else (1, 1)
        classifier = DistilBertClassifier(
            self.model, trainable_layers=layers, max_iter=iterations, random_state=number
        )
        classifier.fit(texts, [self.intents[row] for row in rows])
        return np.asarray(classifier.predict_proba(texts))


class Report(NamedTuple):
    """The requests and errors of one process, and its resources before and after."""

    answered: Mapping[str, int]
    largest_difference: float
    growth: int | None
    threads: tuple[int, int]
    files: tuple[int | None, int | None]
    blas_threads: tuple[list[int], list[int]]

    def faults(self) -> Iterator[str]:
        """Yield a message for each failed check."""
        if not self.largest_difference <= TOLERANCE:
            yield f"an answer differs by {self.largest_difference:.1e}"
        if self.growth is not None and self.growth > MAX_GROWTH:
            yield f"memory grew by {self.growth / 1e6:.0f} MB"
        # One idle thread per core may wait for the next call.
        if self.threads[1] > self.threads[0] + (os.cpu_count() or 1):
            yield f"threads: {self.threads[0]} before, {self.threads[1]} after"
        # Fewer are open if an encoder that an earlier test kept was replaced.
        if (self.files[1] or 0) > (self.files[0] or 0):
            yield f"files: {self.files[0]} before, {self.files[1]} after"
        if self.blas_threads[0] != self.blas_threads[1]:
            yield f"BLAS threads: {self.blas_threads[0]} before, {self.blas_threads[1]} after"


def soak(model: Path, seconds: float, max_requests: int) -> Report:
    """Answer requests in `N_THREADS` threads until the time or the requests run out."""
    requests = Requests(model)
    expected = [requests.answer(number) for number in range(N_DIFFERENT)]
    numbers, before, start = itertools.count(), _resources(), time.monotonic()

    def work() -> tuple[Counter[str], float]:
        answered, largest = Counter[str](), 0.0
        while time.monotonic() < start + seconds and (number := next(numbers)) < max_requests:
            got, wanted = requests.answer(number % N_DIFFERENT), expected[number % N_DIFFERENT]
            largest = float(np.maximum(largest, np.abs(got - wanted).max()))
            answered[requests.kinds[number % len(requests.kinds)]] += 1
        return answered, largest

    samples: list[int | None] = []
    with ThreadPoolExecutor(N_THREADS) as pool:
        workers = [pool.submit(work) for _ in range(N_THREADS)]
        while not all(worker.done() for worker in workers):
            samples.append(memory_in_use())
            time.sleep(min(1, seconds / 40))
    counts, differences = zip(*(worker.result() for worker in workers), strict=True)
    answered = sum(counts, Counter())
    pairs = zip(before, _resources(), strict=True)
    return Report(
        answered,
        float(np.max(differences)),
        growth(samples),
        *pairs,
    )


def growth(samples: list[int | None]) -> int | None:
    """Return the growth of the median memory in bytes from the second to the last quarter."""
    known = [sample for sample in samples if sample is not None]
    if len(known) < 8:
        return None
    quarters = np.array_split(known, 4)
    return int(np.median(quarters[3]) - np.median(quarters[1]))


def _resources() -> tuple[int, int | None, list[int]]:
    blas = [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]
    return threading.active_count(), n_open_files(), blas


def n_open_files() -> int | None:
    """Return the number of open files, or None if the platform does not report it."""
    descriptors = Path("/proc/self/fd")
    return len(list(descriptors.iterdir())) if descriptors.is_dir() else None


def main(arguments: list[str] | None = None) -> int:
    """Run the processes, print their reports, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--model", type=Path, default=TINY)
    parser.add_argument("--max-requests", type=int, default=1_000_000, help="of each process")
    options = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(N_PROCESSES, mp_context=context) as pool:
        work = options.model, 60 * options.minutes, options.max_requests
        reports = [pool.submit(soak, *work) for _ in range(N_PROCESSES)]
    faults = []
    for number, report in enumerate(future.result() for future in reports):
        print(f"process {number}:")
        for name, value in report._asdict().items():
            print(f"    {name:<20}{dict(value) if name == 'answered' else value}")
        faults += report.faults()
    print("\n".join(faults) or "no faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
