from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from skdistilbert.nn import threads
from skdistilbert.nn.threads import effective_n_threads, for_each


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


def test_one_item_has_all_threads_of_blas() -> None:
    seen: list[int] = []
    with threadpool_limits(1, user_api="blas"):
        for_each(lambda _: seen.extend(blas_threads()), ["item"], n_threads=2)
        assert set(blas_threads()) == {1}
    assert set(seen) == {2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_ends_the_work_and_restores_the_limit(
    error: type[BaseException], n_threads: int
) -> None:
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

    def run_other() -> None:
        for_each(other, [1], 1)
        left.set()

    def main(_: object) -> None:
        entered.wait(10)
        assert effective_n_threads(None) == min(before)  # what the user allows, not what we hold
        if first_to_leave == "other":
            left.wait(10)

    thread = threading.Thread(target=run_other, daemon=True)
    thread.start()
    for_each(main, [1], 1)
    leave.set()
    thread.join(10)
    assert blas_threads() == before


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
        assert effective_n_threads(None) == 1
    assert effective_n_threads(5) == 5


def test_overflow_does_not_warn() -> None:
    for_each(lambda x: x * x, [np.full(3, 1e30, np.float32)], 1)
