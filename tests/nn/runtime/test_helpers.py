from __future__ import annotations

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import warnings
import weakref
from collections import deque
from typing import TYPE_CHECKING

import pytest

from skdistilbert.__main__ import has_global_lock
from skdistilbert.nn.runtime import helpers as module
from skdistilbert.nn.runtime.cores import cores
from skdistilbert.nn.runtime.helpers import Helper, dismiss_idle, helpers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def no_other_thread() -> Iterator[None]:
    dismiss_idle()
    before = threading.enumerate()
    yield
    dismiss_idle()
    assert threading.enumerate() == before


def idents(n_helpers: int) -> set[int]:
    """Have a call made by each of so many helpers."""
    with helpers(n_helpers) as taken:
        for helper in taken:
            helper.start(threading.get_ident)
        return {helper.result() for helper in taken}


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.001)
    assert condition()


def test_threads_are_kept_for_the_next_who_needs_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_idle", deque[Helper](maxlen=3))
    three = idents(3)
    assert len(three | {threading.get_ident()}) == 4
    assert idents(2) < three
    assert idents(3) == three
    dismiss_idle()


def test_no_more_are_kept_than_there_are_cores() -> None:
    n_before = threading.active_count()
    assert len(idents(cores.n_cores + 3)) == cores.n_cores + 3
    wait_until(lambda: threading.active_count() == n_before + cores.n_cores)


def test_another_thread_may_take_the_last_one_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    class TakenMeanwhile(deque[Helper]):
        def __len__(self) -> int:  # as it was a moment ago
            return 1

    monkeypatch.setattr(module, "_idle", TakenMeanwhile())
    dismiss_idle()
    assert len(idents(1)) == 1
    dismiss_idle()


def test_calls_are_made_in_their_order() -> None:
    with helpers(1) as (helper,):
        helper.start(lambda: 1)
        helper.start(lambda: None)
        assert [helper.result(), helper.result()] == [1, None]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_is_raised_and_ends_the_thread(error: type[BaseException]) -> None:
    def fail() -> None:
        raise error("as it must")

    def have_it_called() -> None:
        with helpers(1) as (helper,):
            helper.start(fail)
            helper.result()

    n_before = threading.active_count()
    with pytest.raises(error, match="as it must"):
        have_it_called()
    assert threading.active_count() == n_before


def test_an_error_is_not_kept_alive() -> None:
    class WorkError(Exception):
        pass

    def fail() -> None:
        raise WorkError

    gc.disable()
    try:
        with helpers(1) as (helper,):
            helper.start(fail)
            helper.result()
    except WorkError as error:
        known = weakref.ref(error)
    finally:
        gc.enable()
    assert known() is None


def test_after_an_error_elsewhere_no_thread_works_on() -> None:
    started, done = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        time.sleep(0.05)
        done.set()

    def fail_meanwhile() -> None:
        with helpers(1) as (helper,):
            helper.start(work)
            started.wait(10)
            raise ValueError("elsewhere")

    n_before = threading.active_count()
    with pytest.raises(ValueError, match="elsewhere"):
        fail_meanwhile()
    assert done.is_set()
    assert threading.active_count() == n_before


def test_one_that_has_ended_while_it_waited_is_not_taken() -> None:
    idents(1)
    (helper,) = module._idle
    helper._calls.put(sys.exit)
    helper._thread.join(10)
    assert idents(1)
    assert helper not in module._idle


def test_idle_threads_hold_nothing_of_what_they_did() -> None:
    class Model:
        def embed(self) -> Model:
            return self

    model = Model()
    known = weakref.ref(model)
    with helpers(1) as (helper,):
        helper.start(model.embed)
        assert helper.result() is model
    del model

    def is_gone() -> bool:
        if not has_global_lock():  # what a thread has made is freed when it runs again
            gc.collect()
        return known() is None

    wait_until(is_gone)  # the thread drops what it has called just after it gave the result


def test_a_thread_whose_helper_is_lost_ends() -> None:
    helper = Helper()
    thread = helper._thread
    del helper
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()


def test_python_ends_though_threads_wait_for_work() -> None:
    script = (
        "from skdistilbert.nn.runtime.helpers import helpers\n"
        "with helpers(1) as (helper,):\n"
        "    helper.start(int)\n"
        "    helper.result()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_no_thread_waits_while_the_process_forks() -> None:
    def in_child() -> None:
        assert not module._idle
        assert threading.active_count() == 1
        assert len(idents(2)) == 2

    idents(1)
    child = multiprocessing.get_context("fork").Process(target=in_child)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # newer Pythons warn of threads
        child.start()
    assert not module._idle
    child.join(30)
    exitcode = child.exitcode
    child.kill()
    assert exitcode == 0
    assert len(idents(1)) == 1
