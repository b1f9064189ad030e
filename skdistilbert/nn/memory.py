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
# OpenBLAS's names of processors, of those with AVX2 and AVX-512.
ARCHITECTURES_READING_AHEAD = frozenset(
    {"haswell", "zen", "skylakex", "cooperlake", "sapphirerapids"}
)
# Rows, terms, columns. With so many rows all threads are at it at once.
WIDE_PRODUCT = 128, 640, 1024


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
    """Let OpenBLAS write where its kernels read ahead, in the buffer of each thread.

    Beside few columns (with AVX2 up to 320) it arranges a dozen or two of a matrix's rows at a
    time, all in one place (`l1stride` in OpenBLAS's driver/level3/level3.c), while the kernel
    prefetches from behind it, where the next rows are if there are more columns (`next_b` in
    kernel/x86_64/sgemm_kernel_8x4_haswell_2.c). As long as nothing was ever written there, each
    prefetch looks for a page in vain: on an AMD EPYC of 2017, with AVX2, products took up to three
    times as long, until the first one with more columns.
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
