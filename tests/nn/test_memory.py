"""Memory that each pass of the network needs anew."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# A megabyte each; a pass of the bundled model on 1,024 tokens takes more than ten of them.
ALLOCATE = """
from skdistilbert.nn.memory import keep_freed_memory

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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc")
@pytest.mark.parametrize("work", [ALLOCATE, ENCODE])
def test_arrays_get_the_memory_of_those_before(work: str) -> None:
    code = f"import resource\nimport numpy as np\n{work}\nwork()\n{COUNT_FAULTS}"
    command = [sys.executable, "-c", code]
    n_faults = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert n_faults < FAULTS_OF_ONE_ROUND
