"""One-time preparation of the memory allocator and of BLAS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from threading import Barrier, BrokenBarrierError

import numpy as np

from skdistilbert.nn.runtime.blas import blas_architectures, blas_threads
from skdistilbert.nn.runtime.cores import cores

# The largest array that glibc can be taught to keep is a little smaller than 32 MiB.
LARGEST_KEPT = 2**25 - 2**13
# OpenBLAS's names of processors with AVX2 and without AVX-512.
AVX2_ARCHITECTURES = frozenset({"haswell", "zen"})


@cache  # once per process is enough
def warm_up(n_threads: int) -> None:
    """Prepare the process for faster forward passes and training steps on `n_threads` threads.

    By default, glibc returns the memory of large arrays to the system, which clears the pages of
    each new array. This takes a sixth of the time of a small model's forward pass or training
    step. After an array of some size has been freed, glibc keeps the memory of arrays up to that
    size in the whole process (M_MMAP_THRESHOLD in mallopt(3)). The array is never written, so it
    takes no memory. Other C libraries ignore it.
    """
    np.empty(LARGEST_KEPT, np.uint8)
    if blas_architectures() & AVX2_ARCHITECTURES:
        fill_blas_buffers(min(n_threads, cores.count))


def fill_blas_buffers(n_threads: int) -> None:
    """Write to OpenBLAS's internal buffer of each thread.

    Products with few columns use a part of the buffer, but the AVX2 kernels prefetch from the
    rest. Prefetching pages that were never written is slow: products took up to three times as
    long on an AMD EPYC of 2017. Successive products would share a buffer, so threads wait for
    each other.
    """
    left, right = np.ones((256, 1024), np.float32), np.ones((1024, 1024), np.float32)
    barrier = Barrier(n_threads)

    def multiply(_: int) -> None:
        with suppress(BrokenBarrierError):
            barrier.wait(timeout=1)
        left @ right

    with blas_threads.limit_to_one(), ThreadPoolExecutor(n_threads) as pool:
        list(pool.map(multiply, range(n_threads)))
