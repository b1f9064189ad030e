"""Memory that a process of the network is to have at hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from threading import Barrier, BrokenBarrierError
from time import perf_counter

import numpy as np

from skdistilbert.nn.runtime.cores import cores
from skdistilbert.nn.runtime.threads import blas_architectures, blas_in_one_thread

# The largest arrays that glibc can be taught to keep: a little less than 32 MiB.
LARGEST_KEPT = 2**25 - 2**13
# OpenBLAS's names of processors, of those with AVX2 and AVX-512.
ARCHITECTURES_READING_AHEAD = frozenset(
    {"haswell", "zen", "skylakex", "cooperlake", "sapphirerapids"}
)
# More rows take longer; they are for when threads were not at their products at once.
ROWS_OF_WIDE_PRODUCTS = 128, 256, 512, 1024
# Of so many terms OpenBLAS takes as many at a time as it ever does (for Haswell 320 in 0.3.31,
# 512 in 0.3.34), and so writes to all that fewer need.
TERMS_AND_COLUMNS = 1024, 1024
# From the first start to the last end, in shortest products; one after the other they take two.
LONGEST_AT_ONCE = 1.5


@cache  # once in a process is enough
def warm_up(n_threads: int) -> None:
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
    """Let OpenBLAS write where its kernels read ahead, in the buffer of each thread.

    Beside few columns (with AVX2 up to 320) it arranges a dozen or two of a matrix's rows at a
    time, all in one place (`l1stride` in OpenBLAS's driver/level3/level3.c), while the kernel
    prefetches from behind it, where the next rows are if there are more columns (`next_b` in
    kernel/x86_64/sgemm_kernel_8x4_haswell_2.c). As long as nothing was ever written there, each
    prefetch looks for a page in vain: on an AMD EPYC of 2017, with AVX2, products took up to three
    times as long, until the first one with more columns.
    """
    with blas_in_one_thread(), ThreadPoolExecutor(n_threads) as pool:
        for n_rows in ROWS_OF_WIDE_PRODUCTS:
            # One after the other would all get the same buffer.
            if _multiply_at_once(pool, n_threads, n_rows):
                break


def _multiply_at_once(pool: ThreadPoolExecutor, n_threads: int, n_rows: int) -> bool:
    """Do a wide product in each thread; tell whether it was at the same time.

    All must begin and end within little more than one product's time: a thread that was held up
    after its product, but before it could tell, would seem to be at it still.
    """
    n_terms, n_columns = TERMS_AND_COLUMNS
    left = np.ones((n_rows, n_terms), np.float32)
    right = np.ones((n_terms, n_columns), np.float32)
    at_once = Barrier(n_threads)

    def multiply(_: int) -> tuple[float, float]:
        with suppress(BrokenBarrierError):
            at_once.wait(timeout=1)
        start = perf_counter()
        left @ right
        return start, perf_counter()

    starts, ends = zip(*pool.map(multiply, range(n_threads)), strict=True)
    shortest = min(end - start for start, end in zip(starts, ends, strict=True))
    return bool(max(ends) - min(starts) < LONGEST_AT_ONCE * shortest)
