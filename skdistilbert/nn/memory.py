"""Memory that each pass of the network needs anew."""

from __future__ import annotations

from functools import cache

import numpy as np

# The largest arrays that glibc can be taught to keep: a little less than 32 MiB.
LARGEST_KEPT = 2**25 - 2**13


@cache  # once in a process is enough
def keep_freed_memory() -> None:
    """Teach glibc to keep what one pass frees for the next one.

    Large arrays get pages of their own from the system, which clears them each time: a sixth of
    the time of a small model's pass or a step of training. That ends for arrays of up to a size
    when one of that size has been freed (mallopt(3), M_MMAP_THRESHOLD), in the whole process.
    Nothing is written to it, so it takes no memory; other C libraries make nothing of it.
    """
    np.empty(LARGEST_KEPT, np.uint8)
