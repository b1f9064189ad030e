from __future__ import annotations

import threading
import time

import pytest

from skdistilbert.nn.runtime import Workers, for_each
from skdistilbert.nn.runtime.cores import Cores, cores

TIMEOUT = 10


def test_at_most_one_thread_per_core_works_across_calls() -> None:
    working: set[int] = set()
    n_working: set[int] = set()
    done: list[int] = []
    lock = threading.Lock()

    def work(item: int, _workers: Workers) -> None:
        with lock:
            working.add(threading.get_ident())
            n_working.add(len(working))
        time.sleep(0.001)
        with lock:
            done.append(item)
            working.discard(threading.get_ident())

    callers = [threading.Thread(target=for_each, args=(work, range(10), 3)) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(TIMEOUT)
    assert sorted(done) == sorted([*range(10)] * 8)
    assert max(n_working) == cores.count


def test_a_short_call_does_not_wait_for_the_end_of_a_long_one() -> None:
    done: list[int] = []
    started = threading.Event()

    def work(item: int, _workers: Workers) -> None:
        started.set()
        time.sleep(0.005)
        done.append(item)

    long_call = threading.Thread(target=for_each, args=(work, range(200), cores.count))
    long_call.start()
    started.wait(TIMEOUT)
    for_each(lambda *_: None, range(3), 1)
    assert len(done) < 100
    long_call.join(TIMEOUT)


def test_threads_get_cores_in_the_order_in_which_they_asked() -> None:
    one_core, order = Cores(1), list[int]()

    def work(number: int) -> None:
        with one_core.acquire():
            order.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(5)]
    with one_core.acquire() as n_cores:
        assert n_cores == 1
        for thread in threads:
            thread.start()
            time.sleep(0.02)
    for thread in threads:
        thread.join(TIMEOUT)
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("max_cores", "expected"), [(1, 1), (2, 2), (9, 3)])
def test_idle_cores_are_added(max_cores: int, expected: int) -> None:
    four_cores = Cores(4)
    with four_cores.acquire(), four_cores.acquire(max_cores) as n_cores:
        assert n_cores == expected
    with four_cores.acquire(9) as n_cores:
        assert n_cores == 4
