"""Pooled features of recent calls, in memory, for estimators with an embedding cache.

In a grid search, every candidate embeds the same folds. Reading the features from the cache file
for every candidate would take as long as encoding the texts a few times.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from skdistilbert.tasks.pair_input import TextOrPair

    Key = tuple[object, ...]
    Features = tuple[NDArray[np.float32], list[int]]

MAX_BYTES = 2**27
# The cache file records when its rows were last used, so they are read again after this time.
SECONDS_KEPT = 1800

_recent: dict[Key, Features] = {}


def features_key(texts: Sequence[TextOrPair], context: bytes, cache_file: Path) -> Key | None:
    """Return a key that changes with the texts, their encoder and the contents of the file.

    Return None if there is no file, so that the features are written to a new file.
    """
    try:
        file = cache_file.stat()
    except OSError:
        return None
    state = file.st_ino, file.st_size, file.st_mtime_ns
    return cache_file, state, context, time.time() // SECONDS_KEPT, tuple(texts)


def recall(key: Key | None) -> Features | None:
    """Return a copy of the features and the rows of truncated texts, or None."""
    found = None if key is None else _recent.get(key)
    if found is None:
        return None
    pooled, truncated = found
    return pooled.copy(), truncated


def remember(key: Key | None, pooled: NDArray[np.float32], truncated: list[int]) -> None:
    """Keep features; drop the oldest ones if there are too many."""
    global _recent
    if key is None:
        return
    recent = {**_recent, key: (pooled.copy(), truncated)}
    while sum(features.nbytes for features, _ in recent.values()) > MAX_BYTES:
        del recent[next(iter(recent))]
    _recent = recent  # replaced at once, as other threads may read it
