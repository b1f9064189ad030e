"""Memory that each step of training needs anew."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

N_ROUNDS, N_ARRAYS, PAGES_AN_ARRAY = 10, 10, 256
COUNT_FAULTS = f"""
import resource
import numpy as np
from skdistilbert.nn.training.memory import keep_freed_memory

def allocate():
    return [np.ones(4096 * {PAGES_AN_ARRAY}, np.uint8) for _ in range({N_ARRAYS})]

keep_freed_memory()
allocate()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({N_ROUNDS}):
    allocate()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
def test_arrays_get_the_memory_of_those_before() -> None:
    command = [sys.executable, "-c", COUNT_FAULTS]
    n_faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert n_faults < N_ARRAYS * PAGES_AN_ARRAY  # those of one round
