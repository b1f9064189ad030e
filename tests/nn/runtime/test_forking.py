from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# A forked child must work, and BLAS must have its original number of threads there.
FORK = """
import os, threading, warnings
from threadpoolctl import ThreadpoolController
from skdistilbert.nn.runtime import blas, cores, for_each

def blas_threads():
    return [library.num_threads for library in ThreadpoolController().lib_controllers]

def in_child():
    assert blas_threads() == before
    done = []
    for_each(lambda item, _: done.append(item), range(10), 2)
    assert sorted(done) == [*range(10)]
    for_each(lambda _, workers: done.extend(workers.map(int, range(workers.count))), [0], 2)
    assert len(done) > 10
    assert blas_threads() == before

def fork_and_wait():
    child = os.fork()
    if child == 0:
        try:
            in_child()
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0

cores.cores.count = 2  # on any machine
before = blas_threads()
"""
IDLE_THREADS = """
warnings.simplefilter("error")  # Python 3.12 and newer warn if other threads exist.
barrier = threading.Barrier(2)
for_each(lambda *_: barrier.wait(10), range(2), 2)
assert threading.active_count() == 2
fork_and_wait()
assert threading.active_count() == 1
for_each(lambda *_: barrier.wait(10), range(2), 2)
"""
WORKING_THREADS = """
warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
working, forked = threading.Barrier(3), threading.Event()

def work(*_):
    working.wait(10)
    forked.wait(10)

def hold_locks():
    with blas.blas_threads._lock, cores.cores._changed:
        locked.set()
        forked.wait(10)

callers = [threading.Thread(target=for_each, args=(work, [0], 1)) for _ in range(2)]
for caller in callers:
    caller.start()
working.wait(10)
locked = threading.Event()
holder = threading.Thread(target=hold_locks)
holder.start()
locked.wait(10)
fork_and_wait()
forked.set()
for thread in (*callers, holder):
    thread.join(10)
assert blas_threads() == before
"""


@pytest.mark.parametrize("script", [IDLE_THREADS, WORKING_THREADS], ids=["idle", "working"])
def test_a_forked_child_works(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{FORK}{script}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
