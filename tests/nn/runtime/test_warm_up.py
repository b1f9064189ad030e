from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import ThreadpoolController

from skdistilbert.nn.runtime.warm_up import fill_blas_buffers, warm_up

# Prints by how many bytes the process shrinks when it frees four arrays of 8 MB.
FREED_MEMORY = """
import numpy as np
from skdistilbert.nn.runtime import warm_up

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

warm_up(1)
arrays = [np.ones(2**23, np.uint8) for _ in range(4)]
before = resident_bytes()
del arrays
print(before - resident_bytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps freed memory")
def test_freed_memory_is_kept() -> None:
    command = [sys.executable, "-c", FREED_MEMORY]
    root = Path(__file__).parents[3]
    # Dask sets variables of the allocator for its worker processes.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root, env=env)
    assert int(run.stdout) < 2 * 2**23


@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_warm_up_keeps_the_number_of_blas_threads(n_threads: int) -> None:
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    before = [library.num_threads for library in libraries]
    warm_up(n_threads)
    fill_blas_buffers(n_threads)
    assert [library.num_threads for library in libraries] == before
