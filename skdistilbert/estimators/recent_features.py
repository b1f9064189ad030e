"""Pooled features of recent calls, in memory, for estimators with an embedding cache.

In a grid search every candidate embeds the same folds. Reading them from the cache file each time
would take as long as encoding them a few times.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Features = tuple[NDArray[np.float32], list[int]]

MAX_BYTES = 2**27
# The cache file records when its rows were last used, so they are read again after this time.
SECONDS_KEPT = 1800

_recent: dict[tuple[object, ...], Features] = {}


def features_key(texts: Sequence[str], context: bytes, cache_file: Path) -> tuple[object, ...]:
    """Return a key that changes with the texts, their encoder and the contents of the file."""
    try:
        state = cache_file.stat()
    except OSError:
        state_key: tuple[int, ...] = ()
    else:
        state_key = (state.st_ino, state.st_size, state.st_mtime_ns)
    return cache_file, state_key, context, time.time() // SECONDS_KEPT, tuple(texts)


def recall(key: tuple[object, ...]) -> Features | None:
    """Return a copy of the features and the rows of truncated texts, or None."""
    found = _recent.get(key)
    return found and (found[0].copy(), found[1])


def remember(key: tuple[object, ...], pooled: NDArray[np.float32], truncated: list[int]) -> None:
    """Keep features; drop the oldest ones if there are too many."""
    global _recent
    recent = {**_recent, key: (pooled.copy(), truncated)}
    while sum(features.nbytes for features, _ in recent.values()) > MAX_BYTES:
        del recent[next(iter(recent))]
    _recent = recent  # replaced at once, as other threads may read it
