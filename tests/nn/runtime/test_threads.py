from __future__ import annotations

import multiprocessing
import os
import threading
import time

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from skdistilbert.nn.runtime import threads
from skdistilbert.nn.runtime.cores import Cores, cores
from skdistilbert.nn.runtime.helpers import dismiss_idle
from skdistilbert.nn.runtime.threads import (
    for_each,
    in_parts,
    resolve_n_threads,
    threads_for_one_item,
)


def blas_threads() -> list[int]:
    controller = ThreadpoolController().select(user_api="blas")
    return [library.num_threads for library in controller.lib_controllers]


def test_every_item_is_done_once_with_blas_at_one_thread() -> None:
    done, seen = [], set()

    def work(item: int) -> None:
        done.append(item)
        seen.update(blas_threads())

    before = blas_threads()
    for_each(work, range(20), n_threads=3)
    assert sorted(done) == list(range(20))
    assert seen == {1}
    assert blas_threads() == before


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> Cores:
    cores = Cores(3)
    monkeypatch.setattr(threads, "cores", cores)
    return cores


@pytest.mark.usefixtures("three_cores")
def test_one_item_is_worked_on_in_parts_in_all_threads() -> None:
    workers: list[int] = []
    meeting = threading.Barrier(3)

    def part(number: int) -> int:
        meeting.wait(10)
        workers.append(threading.get_ident())
        return number

    def work(n_parts: int) -> None:
        assert threads_for_one_item() == n_parts
        assert set(blas_threads()) == {1}
        assert list(in_parts(part, range(n_parts))) == [0, 1, 2]

    for_each(work, [3], n_threads=3)
    assert len(set(workers)) == 3
    assert threads_for_one_item() == 1


def test_one_item_takes_no_cores_at_which_others_work(three_cores: Cores) -> None:
    parts: list[int] = []
    with three_cores.up_to(2) as n_taken:
        for_each(lambda _: parts.append(threads_for_one_item()), [0], n_threads=3)
    for_each(lambda _: parts.append(threads_for_one_item()), [0], n_threads=3)
    assert n_taken == 2
    assert parts == [1, 3]


def test_an_item_among_several_has_one_thread() -> None:
    parts: list[int] = []
    for_each(lambda _: parts.append(threads_for_one_item()), range(4), n_threads=2)
    assert parts == [1] * 4
    assert list(in_parts(str, [1, 2])) == ["1", "2"]


@pytest.mark.usefixtures("three_cores")
def test_the_first_result_is_given_while_others_are_in_work() -> None:
    go_on = threading.Event()

    def part(number: int) -> int:
        if number:
            assert go_on.wait(10)
        return number

    def work(_: object) -> None:
        results = in_parts(part, [0, 1])
        assert next(results) == 0
        go_on.set()
        assert list(results) == [1]

    for_each(work, [None], n_threads=2)


@pytest.mark.parametrize("culprit", [0, 1])
def test_an_error_in_a_part_is_raised(culprit: int) -> None:
    dismiss_idle()
    n_before = threading.active_count()

    def part(number: int) -> None:
        if number == culprit:
            raise ValueError(f"part {number}")

    with pytest.raises(ValueError, match=f"part {culprit}"):
        for_each(lambda _: list(in_parts(part, [0, 1])), [None], n_threads=2)
    assert threading.active_count() == n_before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_ends_the_work_and_restores_the_limit(
    error: type[BaseException], n_threads: int
) -> None:
    dismiss_idle()
    before, n_before, done = blas_threads(), threading.active_count(), []

    def work(item: int) -> None:
        if item == 5:
            raise error("item 5")
        time.sleep(0.001)
        done.append(item)

    with pytest.raises(error, match="item 5"):
        for_each(work, range(1000), n_threads)
    assert len(done) < 100
    assert blas_threads() == before
    assert threading.active_count() == n_before


@pytest.mark.parametrize("first_to_leave", ["main", "other"])
def test_overlapping_calls_restore_what_was_before_both(first_to_leave: str) -> None:
    before = blas_threads()
    entered, left, leave = threading.Barrier(2), threading.Event(), threading.Event()

    def other(_: object) -> None:
        entered.wait(10)
        if first_to_leave == "main":
            leave.wait(10)
            assert set(blas_threads()) == {1}  # though the one who came first has left

    def run_other() -> None:
        for_each(other, [1], 1)
        left.set()

    def main(_: object) -> None:
        entered.wait(10)
        assert resolve_n_threads(None) == min(before)  # what the user allows, not what we hold
        if first_to_leave == "other":
            left.wait(10)
            assert set(blas_threads()) == {1}

    thread = threading.Thread(target=run_other, daemon=True)
    thread.start()
    for_each(main, [1], 1)
    leave.set()
    thread.join(10)
    assert blas_threads() == before


def test_other_threads_may_set_limits_afterwards() -> None:
    before = blas_threads()
    thread = threading.Thread(target=for_each, args=(lambda _: None, range(2), 2))
    thread.start()
    thread.join(10)
    with threadpool_limits(1, user_api="blas"):
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_one_thread_a_core_is_at_work_however_many_calls_there_are() -> None:
    at_work, most, done = set(), set(), []
    lock = threading.Lock()

    def work(item: int) -> None:
        with lock:
            at_work.add(threading.get_ident())
            most.add(len(at_work))
        time.sleep(0.001)
        done.append(item)
        with lock:
            at_work.discard(threading.get_ident())

    callers = [threading.Thread(target=for_each, args=(work, range(10), 3)) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(10)
    assert sorted(done) == sorted([*range(10)] * 8)
    assert max(most) == cores.n_cores


def test_a_short_call_does_not_wait_for_the_end_of_a_long_one() -> None:
    pending = list(range(200))
    started = threading.Event()

    def work(item: int) -> None:
        started.set()
        time.sleep(0.005)
        pending.remove(item)

    long_one = threading.Thread(target=for_each, args=(work, list(pending), cores.n_cores))
    long_one.start()
    started.wait(10)
    for_each(lambda _: None, range(3), 1)
    assert len(pending) > 100
    long_one.join(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
# Python 3.12 and newer warn that forking beside threads may deadlock; here it must not.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_forgets_the_threads_that_it_has_not() -> None:
    before = blas_threads()
    n_callers = cores.n_cores
    all_at_work, forked = threading.Barrier(n_callers + 1), threading.Event()

    def work(_: object) -> None:
        all_at_work.wait(10)
        forked.wait(10)

    def hold_locks() -> None:
        with threads._blas_limit._lock, cores._lock:
            locked.set()
            forked.wait(10)

    def in_child() -> None:
        assert blas_threads() == before
        done: list[int] = []
        for_each(done.append, range(10), 2)
        assert sorted(done) == [*range(10)]
        assert blas_threads() == before

    callers = [threading.Thread(target=for_each, args=(work, [0], 1)) for _ in range(n_callers)]
    for caller in callers:
        caller.start()
    all_at_work.wait(10)
    locked = threading.Event()
    holder = threading.Thread(target=hold_locks)
    holder.start()
    locked.wait(10)
    child = multiprocessing.get_context("fork").Process(target=in_child)
    child.start()
    forked.set()
    child.join(30)
    for thread in (*callers, holder):
        thread.join(10)
    exitcode = child.exitcode
    child.kill()
    assert exitcode == 0


def test_processes_of_a_pool_have_one_thread_each() -> None:
    with multiprocessing.Pool(1) as pool:
        assert pool.apply(resolve_n_threads, (None,)) == 1
        assert pool.apply(resolve_n_threads, (3,)) == 3


def test_where_the_limit_cannot_be_set_blas_keeps_its_threads_to_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(threads, "_set_blas_threads", lambda _: None)
    workers = set()
    for_each(lambda _: workers.add(threading.get_ident()), range(50), n_threads=2)
    if max(blas_threads()) > 1:
        assert workers == {threading.get_ident()}


def test_an_outer_limit_is_obeyed() -> None:
    with threadpool_limits(1, user_api="blas"):
        assert resolve_n_threads(None) == 1
    assert resolve_n_threads(5) == 5


def test_overflow_does_not_warn() -> None:
    for_each(lambda x: x * x, [np.full(3, 1e30, np.float32)], 1)
