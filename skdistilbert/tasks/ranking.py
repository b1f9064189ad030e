"""The best of many scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def best_first(scores: NDArray[np.float32], n: int | None) -> list[int]:
    """Give the places of the `n` highest scores, all for None; of equal ones the first is first.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
    n : int or None
    """
    if n is None or n >= len(scores):
        return list(np.argsort(-scores, kind="stable").tolist())
    # Sorting is left to the few that can be among the best.
    (places,) = np.nonzero(scores >= np.partition(scores, -n)[-n])
    return list(places[np.argsort(-scores[places], kind="stable")[:n]].tolist())
