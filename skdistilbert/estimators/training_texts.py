"""Texts with their targets and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.estimators.targets import check_weights, normalize_to_mean_one

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.tasks.pair_input import TextOrPair


class TrainingTexts(NamedTuple):
    """Texts or pairs of texts, with one target and one weight each.

    Attributes
    ----------
    texts : sequence of str, or of (str, str)
    targets : ndarray of shape (n_texts,) or (n_outputs, n_texts)
    weights : ndarray of shape (n_texts,)
    """

    texts: Sequence[TextOrPair]
    targets: NDArray[Any]
    weights: NDArray[np.floating]

    def select(self, rows: NDArray[np.intp]) -> TrainingTexts:
        """Return some of the texts."""
        texts = [self.texts[row] for row in rows]
        return TrainingTexts(texts, self.targets[..., rows], self.weights[rows])

    def with_weight(self) -> TrainingTexts:
        """Return the texts with non-zero weight, or raise ValueError if there is no such text."""
        checked = self._replace(weights=check_weights(self.weights))
        return checked.select(np.flatnonzero(self.weights))

    def normalized(self) -> TrainingTexts:
        """Return the texts with weights whose mean is 1."""
        all_rows = np.arange(len(self.texts))
        return self._replace(weights=normalize_to_mean_one(self.weights, all_rows))
