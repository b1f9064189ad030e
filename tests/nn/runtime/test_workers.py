from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from skdistilbert.__main__ import has_global_lock
from skdistilbert.nn.runtime import ONE_WORKER, Workers, blas, for_each, resolve_n_threads
from skdistilbert.nn.runtime.cores import cores
from skdistilbert.nn.runtime.workers import stop_idle_threads

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
TIMEOUT = 10  # seconds, on a busy machine


def blas_threads() -> list[int]:
    return [library.num_threads for library in blas.blas_libraries()]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert condition()


def map_two_parts(part: Callable[[int], object]) -> None:
    """Run two parts of a single item on two threads."""

    def work(_item: int, workers: Workers) -> None:
        list(workers.map(part, [0, 1]))

    for_each(work, [0], n_threads=2)


def threads_of_call(n_items: int) -> set[threading.Thread]:
    """Return the threads of a call in which all items run at the same time."""
    threads: set[threading.Thread] = set()
    barrier = threading.Barrier(n_items)

    def work(_item: int, _workers: Workers) -> None:
        barrier.wait(TIMEOUT)
        threads.add(threading.current_thread())

    for_each(work, range(n_items), n_items)
    assert len(threads) == n_items
    return threads


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("n_items", [0, 1, 2, 20])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_each_item_is_processed_once_with_single_threaded_blas(
    n_items: int, n_threads: int
) -> None:
    done: list[int] = []
    counts: set[int] = set()

    def work(item: int, _workers: Workers) -> None:
        done.append(item)
        counts.update(blas_threads())

    before = blas_threads()
    for_each(work, range(n_items), n_threads)
    assert sorted(done) == list(range(n_items))
    assert counts <= {1}
    assert blas_threads() == before


@pytest.mark.usefixtures("three_cores")
def test_several_items_run_in_parallel_with_one_worker_each() -> None:
    assert len(threads_of_call(3)) == 3
    counts: list[int] = []
    for_each(lambda _, workers: counts.append(workers.count), range(4), n_threads=3)
    assert counts == [1] * 4


@pytest.mark.usefixtures("three_cores")
def test_the_parts_of_a_single_item_run_in_parallel() -> None:
    threads: set[int] = set()
    barrier = threading.Barrier(3)

    def part(number: int) -> int:
        barrier.wait(TIMEOUT)
        threads.add(threading.get_ident())
        return number

    def work(n_parts: int, workers: Workers) -> None:
        assert workers.count == n_parts
        assert set(blas_threads()) <= {1}
        assert list(workers.map(part, range(n_parts))) == [0, 1, 2]

    for_each(work, [3], n_threads=3)
    assert len(threads) == 3


def test_one_worker_maps_any_number_of_parts() -> None:
    assert list(ONE_WORKER.map(str, [1, 2])) == ["1", "2"]


@pytest.mark.usefixtures("three_cores")
def test_a_single_item_gets_only_idle_cores() -> None:
    counts: list[int] = []
    with cores.acquire(2) as n_busy:
        for_each(lambda _, workers: counts.append(workers.count), [0], n_threads=3)
    for_each(lambda _, workers: counts.append(workers.count), [0], n_threads=3)
    assert n_busy == 2
    assert counts == [1, 3]


@pytest.mark.usefixtures("three_cores")
def test_the_first_result_is_yielded_while_other_parts_run() -> None:
    first_is_consumed = threading.Event()

    def part(number: int) -> int:
        if number:
            assert first_is_consumed.wait(TIMEOUT)
        return number

    def work(_item: None, workers: Workers) -> None:
        results = workers.map(part, [0, 1])
        assert next(results) == 0
        first_is_consumed.set()
        assert list(results) == [1]

    for_each(work, [None], n_threads=2)


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_in_a_part_is_raised(failing: int, error: type[BaseException]) -> None:
    n_before = threading.active_count()

    def part(number: int) -> None:
        if number == failing:
            raise error(f"part {number}")

    with pytest.raises(error, match=f"part {failing}"):
        map_two_parts(part)
    assert threading.active_count() == n_before


@pytest.mark.usefixtures("three_cores")
def test_a_call_that_fails_waits_for_its_other_threads() -> None:
    started, done = threading.Event(), threading.Event()

    def part(number: int) -> None:
        if number == 0:
            started.wait(TIMEOUT)
            raise ValueError("part 0")
        started.set()
        time.sleep(0.05)
        done.set()

    with pytest.raises(ValueError, match="part 0"):
        map_two_parts(part)
    assert done.is_set()


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_ends_the_work_and_restores_the_limit(
    error: type[BaseException], n_threads: int
) -> None:
    before, n_before = blas_threads(), threading.active_count()
    done: list[int] = []

    def work(item: int, _workers: Workers) -> None:
        if item == 5:
            raise error("item 5")
        time.sleep(0.001)
        done.append(item)

    with pytest.raises(error, match="item 5"):
        for_each(work, range(1000), n_threads)
    assert len(done) < 100
    assert blas_threads() == before
    assert threading.active_count() == n_before


@pytest.mark.usefixtures("three_cores")
def test_an_error_of_a_worker_thread_is_not_kept_alive() -> None:
    class WorkError(Exception):
        pass

    def part(number: int) -> None:
        if number:
            raise WorkError

    gc.disable()
    try:
        map_two_parts(part)
    except WorkError as error:
        reference = weakref.ref(error)
    finally:
        gc.enable()
    assert reference() is None


@pytest.mark.usefixtures("three_cores")
@pytest.mark.parametrize("n_items", [1, 3])
def test_idle_threads_keep_nothing_of_a_finished_call(n_items: int) -> None:
    class Model:
        def embed(self, _item: int, workers: Workers) -> None:
            list(workers.map(self.embed_part, range(workers.count)))

        def embed_part(self, _part: int) -> Model:
            return self

    def is_freed() -> bool:
        if not has_global_lock():  # Objects of a thread are freed when the thread runs again.
            gc.collect()
        return reference() is None

    model = Model()
    reference = weakref.ref(model)
    gc.disable()
    try:
        for_each(model.embed, range(n_items), n_threads=3)
        del model
        wait_until(is_freed)  # A worker thread frees its call just after it returned the result.
    finally:
        gc.enable()


@pytest.mark.usefixtures("three_cores")
def test_threads_are_kept_for_the_next_call() -> None:
    first, second = threads_of_call(2), threads_of_call(2)
    assert first == second
    assert first < threads_of_call(3)


def test_no_more_idle_threads_are_kept_than_there_are_cores() -> None:
    n_before = threading.active_count()
    barrier = threading.Barrier(cores.count + 3)

    def call() -> None:
        for_each(lambda *_: None, range(2), n_threads=2)
        barrier.wait(TIMEOUT)

    callers = [threading.Thread(target=call) for _ in range(cores.count + 3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(TIMEOUT)
    wait_until(lambda: threading.active_count() <= n_before + cores.count)


@pytest.mark.parametrize("first_to_return", ["main", "other"])
def test_overlapping_calls_restore_the_previous_limit(first_to_return: str) -> None:
    before = blas_threads()
    entered, other_returned, main_returned = (
        threading.Barrier(2),
        threading.Event(),
        threading.Event(),
    )

    def other(_item: int, _workers: Workers) -> None:
        entered.wait(TIMEOUT)
        if first_to_return == "main":
            main_returned.wait(TIMEOUT)
            assert set(blas_threads()) <= {1}

    def call_other() -> None:
        for_each(other, [1], 1)
        other_returned.set()

    def main(_item: int, _workers: Workers) -> None:
        entered.wait(TIMEOUT)
        assert resolve_n_threads(None) == min(before)  # the user's limit, not ours
        if first_to_return == "other":
            other_returned.wait(TIMEOUT)
            assert set(blas_threads()) <= {1}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "count", 2)
        thread = threading.Thread(target=call_other, daemon=True)
        thread.start()
        for_each(main, [1], 1)
        main_returned.set()
        thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert blas_threads() == before


def test_other_threads_may_set_limits_afterwards() -> None:
    before = blas_threads()
    thread = threading.Thread(target=for_each, args=(lambda *_: None, range(2), 2))
    thread.start()
    thread.join(TIMEOUT)
    with threadpool_limits(1, user_api="blas"):
        assert set(blas_threads()) <= {1}
    assert blas_threads() == before


def test_a_limit_of_the_user_is_respected() -> None:
    with threadpool_limits(1, user_api="blas"):
        assert resolve_n_threads(None) == 1
    assert resolve_n_threads(5) == 5


@pytest.mark.parametrize("n_threads", [0, -1, 1.5, "2", True])
def test_invalid_numbers_of_threads_are_rejected(n_threads: object) -> None:
    with pytest.raises(ValueError, match=f"positive integer or None; got {n_threads!r}"):
        resolve_n_threads(n_threads)  # type: ignore[arg-type]


def test_processes_of_a_pool_use_one_thread_each() -> None:
    with multiprocessing.Pool(1) as pool:
        assert pool.apply(resolve_n_threads, (None,)) == 1
        assert pool.apply(resolve_n_threads, (3,)) == 3


@pytest.mark.usefixtures("three_cores")
def test_only_the_caller_works_if_blas_ignores_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    class UnlimitedBlas:
        num_threads = 2

        def set_num_threads(self, count: int) -> None:
            pass

    monkeypatch.setattr(blas, "blas_libraries", lambda: (UnlimitedBlas(),))
    threads: set[int] = set()
    for_each(lambda *_: threads.add(threading.get_ident()), range(50), n_threads=2)
    assert threads == {threading.get_ident()}


def test_overflow_does_not_warn() -> None:
    def square(x: np.ndarray, _workers: Workers) -> None:
        x * x

    large = np.full(3, 1e30, np.float32)
    for_each(square, [large], 1)
    for_each(square, [large] * 20, 2)
    map_two_parts(lambda _: large * large)


def run_script(script: str) -> str:
    """Run a script in a new process that treats warnings as errors, and return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


CALL = """
import threading, time
from skdistilbert.nn.runtime import cores, for_each, workers

workers.cores.count = 2  # on any machine
started = threading.Event()

def work(item, _workers):
    started.set()
    time.sleep(seconds)
    done.append(item)

done = []
"""


def test_python_exits_while_threads_are_idle() -> None:
    run_script(f"{CALL}seconds = 0\nfor_each(work, range(4), 2)")


def test_python_exits_while_a_daemon_thread_works() -> None:
    script = f"{CALL}seconds = 0.01\nitems = range(100_000)\n"
    script += "threading.Thread(target=for_each, args=(work, items, 2), daemon=True).start()\n"
    run_script(f"{script}started.wait()")


@pytest.mark.parametrize("n_items", [1, 20])
def test_a_thread_continues_after_the_main_thread_has_ended(n_items: int) -> None:
    script = f"""{CALL}seconds = 0.01
def call():
    threading.main_thread().join()
    time.sleep(0.1)  # until the interpreter shuts down
    for_each(work, range({n_items}), 2)
    for_each(lambda _, workers: done.extend(workers.map(int, range(workers.count))), [0], 2)
    print(len(done))

threading.Thread(target=call).start()
"""
    assert run_script(script) == f"{n_items + 2}\n"


def test_a_fork_does_not_wait_for_threads_that_the_interpreter_has_ended() -> None:
    script = f"""{CALL}seconds = 0
for_each(work, range(4), 2)

@atexit.register
def stop():
    time.sleep = lambda _: print("waits")
    workers.stop_idle_threads()
    print("stopped")
"""
    assert run_script(f"import atexit\n{script}") == "stopped\n"


def test_idle_threads_can_be_stopped_twice() -> None:
    for_each(lambda *_: None, range(4), n_threads=2)
    stop_idle_threads()
    stop_idle_threads()
    for_each(lambda *_: None, range(4), n_threads=2)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system has no /proc")
@pytest.mark.usefixtures("three_cores")
def test_stopped_threads_have_ended_in_the_operating_system() -> None:
    native_ids: set[int] = set()
    for _ in range(100):
        for_each(lambda *_: native_ids.add(threading.get_native_id()), range(9), n_threads=2)
        stop_idle_threads()
        assert [x for x in native_ids if Path(f"/proc/self/task/{x}").exists()] == [os.getpid()]
