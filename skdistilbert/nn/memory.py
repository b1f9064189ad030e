"""Memory that a process of the network is to have at hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from threading import Barrier, BrokenBarrierError

import numpy as np

from skdistilbert.nn.cores import cores
from skdistilbert.nn.threads import blas_architectures, blas_in_one_thread

# The largest arrays that glibc can be taught to keep: a little less than 32 MiB.
LARGEST_KEPT = 2**25 - 2**13
# Processors with AVX2, and no more, by the names that OpenBLAS has for them.
ARCHITECTURES_READING_AHEAD = frozenset({"haswell", "zen"})
# Rows, terms, columns. More than 320 columns, and enough rows to keep all threads at it at once.
WIDE_PRODUCT = 256, 384, 384


@cache  # once in a process is enough
def prepare_memory(n_threads: int) -> None:
    """Do once what makes each later pass of the network, or step of training, faster."""
    keep_freed_memory()
    if blas_architectures() & ARCHITECTURES_READING_AHEAD:
        write_to_blas_buffers(min(n_threads, cores.n_cores))


def keep_freed_memory() -> None:
    """Teach glibc to keep what one pass frees for the next one.

    Large arrays get pages of their own from the system, which clears them each time: a sixth of
    the time of a small model's pass or a step of training. That ends for arrays of up to a size
    when one of that size has been freed (mallopt(3), M_MMAP_THRESHOLD), in the whole process.
    Nothing is written to it, so it takes no memory; other C libraries make nothing of it.
    """
    np.empty(LARGEST_KEPT, np.uint8)


def write_to_blas_buffers(n_threads: int) -> None:
    """Let OpenBLAS write where its kernels for AVX2 read ahead, in the buffer of each thread.

    Beside up to 320 columns it arranges a dozen rows of a matrix at a time, all in one place, and
    the kernel prefetches what lies behind them: the next rows, if there are more columns
    (`next_b` in OpenBLAS's kernel/x86_64/sgemm_kernel_8x4_haswell_2.c). While nothing was ever
    written there, each prefetch looks for a page in vain. On an AMD EPYC of 2017 products then
    take up to three times as long, until the first one with more columns.
    """
    n_rows, n_terms, n_columns = WIDE_PRODUCT
    left = np.ones((n_rows, n_terms), np.float32)
    right = np.ones((n_terms, n_columns), np.float32)
    at_once = Barrier(n_threads)  # one after the other would all get the same buffer

    def multiply(_: int) -> None:
        with suppress(BrokenBarrierError):
            at_once.wait(timeout=1)
        left @ right

    with blas_in_one_thread(), ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(multiply, range(n_threads)))
