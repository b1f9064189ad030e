"""Memory that each pass of the network needs anew."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from skdistilbert.__main__ import has_global_lock
from skdistilbert.nn.runtime import memory

# A megabyte each; a pass of the bundled model on 1,024 tokens takes more than ten of them.
ALLOCATE = """
from skdistilbert.nn.runtime.memory import keep_freed_memory

keep_freed_memory()

def work():
    return [np.ones(2**20, np.uint8) for _ in range(10)]
"""
ENCODE = """
from skdistilbert import load_model

model = load_model("mini")
ids = np.full((8, 128), 2000)

def work():
    model(ids, np.ones_like(ids))
"""
COUNT_FAULTS = """
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
FAULTS_OF_ONE_ROUND = 10 * 256
# Two threads that multiply at once; prints the pages that came to be used.
MULTIPLY_IN_TWO_THREADS = """
left, right = np.ones((64, n_terms), np.float32), np.ones((n_terms, 384), np.float32)
products = np.ones((2, 64, 384), np.float32)
at_once = threading.Barrier(2)

def work(product):
    at_once.wait()
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(30):
        np.matmul(left, right, out=product)
    faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

faults = []
threads = [threading.Thread(target=work, args=[product]) for product in products]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(faults))
"""
# 64 rows of so many terms, float32, in pages of 4 KB
PAGES_OF_ROWS = {384: 24, 512: 32, 768: 48}


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
@pytest.mark.parametrize("work", [ALLOCATE, ENCODE])
def test_arrays_get_the_memory_of_those_before(work: str) -> None:
    code = f"import resource\nimport numpy as np\n{work}\nwork()\n{COUNT_FAULTS}"
    command = [sys.executable, "-c", code]
    n_faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert n_faults < FAULTS_OF_ONE_ROUND


@pytest.mark.skipif(platform.system() != "Linux", reason="counts page faults as Linux does")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="is about kernels for AVX2")
@pytest.mark.skipif(not has_global_lock(), reason="threads take pages of other memory, too")
@pytest.mark.parametrize("n_terms", PAGES_OF_ROWS)
def test_buffers_of_blas_are_written_to_in_every_thread(n_terms: int) -> None:
    imports = "import resource, threading\nimport numpy as np\nfrom skdistilbert.nn.runtime import memory"
    write = f"memory.write_to_blas_buffers(2)\nn_terms = {n_terms}"
    code = f"{imports}\n{write}\n{MULTIPLY_IN_TWO_THREADS}"
    environment = os.environ | {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    assert int(run.stdout) < PAGES_OF_ROWS[n_terms]


@pytest.mark.parametrize(("n_failures", "n_products"), [(0, 1), (2, 3), (99, 4)])
def test_threads_multiply_until_they_did_so_at_once(
    monkeypatch: pytest.MonkeyPatch, n_failures: int, n_products: int
) -> None:
    rows: list[int] = []

    def multiply(_: object, n_threads: int, n_rows: int) -> bool:
        assert n_threads == 2
        rows.append(n_rows)
        return len(rows) > n_failures

    monkeypatch.setattr(memory, "_multiply_at_once", multiply)
    memory.write_to_blas_buffers(2)
    assert rows == list(memory.ROWS_OF_WIDE_PRODUCTS[:n_products])


def test_products_of_one_thread_are_not_at_once() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert memory._multiply_at_once(pool, 1, 128)
        assert not memory._multiply_at_once(pool, 2, 128)
