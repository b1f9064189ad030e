"""Select the best of many scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def best_first(scores: NDArray[np.float32], n: int | None) -> list[int]:
    """Return the indices of the `n` highest scores, or of all for None, best first.

    Equal scores keep their order.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
    n : int or None
    """
    if n is None or n >= len(scores):
        return list(np.argsort(-scores, kind="stable").tolist())
    # Sorting only the candidates is faster than sorting a whole vocabulary.
    (candidates,) = np.nonzero(scores >= np.partition(scores, -n)[-n])
    return list(candidates[np.argsort(-scores[candidates], kind="stable")[:n]].tolist())
