"""What the classifier and the regressor of texts share: their input and their logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdistilbert.estimators.text_encoder import check_finite
from skdistilbert.estimators.trained_estimator import TrainedEstimator
from skdistilbert.nn.training import Examples
from skdistilbert.tasks.pair_input import are_pairs, check_texts_or_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skdistilbert.estimators.fine_tuning import FineTuning
    from skdistilbert.estimators.training_texts import TrainingTexts
    from skdistilbert.tasks.pair_input import TextOrPair

    FloatArray = NDArray[np.float32]


class TextPredictor(TrainedEstimator):
    """Base of the estimators that predict from texts or pairs of texts."""

    _reads_pairs: bool | None = None  # None: not known, after `from_pretrained`

    def _check_texts(self, X: object) -> list[TextOrPair]:
        texts = check_texts_or_pairs(X, self.missing, allow_empty=False)
        if self.max_length == 2 and are_pairs(texts):
            raise ValueError("max_length must be at least 3 for [CLS], [SEP] and [SEP]; got 2.")
        return texts

    # -- training

    def _examples(
        self, training: FineTuning, texts: TrainingTexts, *, warn: bool = True
    ) -> Examples:
        """Return what the head, or the layers and the head, are trained on."""
        weights = texts.weights.astype(np.float32)
        if training.options.n_layers:
            return training.examples(texts.texts, texts.targets, weights, warn=warn)
        return Examples(None, self._features(texts.texts), texts.targets, weights)

    def _examples_of_rows(
        self, training: FineTuning, texts: TrainingTexts, warn: bool, rows: NDArray[np.intp]
    ) -> Examples:
        return self._examples(training, texts.select(rows), warn=warn)

    # -- prediction

    def _logits(self, X: object) -> FloatArray:
        """Return the logits of texts, (n_texts, n_outputs)."""
        check_is_fitted(self)
        texts = self._check_texts(X)
        self._check_fitted_kind(texts)
        features = self._features(texts)
        # In float32 a text's logits would change with the number and order of the other texts.
        columns = np.ascontiguousarray(features.T, np.float64)
        with np.errstate(over="ignore"):
            logits: FloatArray = self.head_.logits(columns).T.astype(np.float32)
        return check_finite(logits, self.model)

    def _check_fitted_kind(self, texts: Sequence[TextOrPair]) -> None:
        kinds = ("single texts", "pairs of texts")
        reads_pairs = are_pairs(texts)
        if self._reads_pairs not in (None, reads_pairs):
            raise ValueError(
                f"This {type(self).__name__} was fitted on {kinds[not reads_pairs]}; got "
                f"{kinds[reads_pairs]} (the first is {texts[0]!r:.100}). Pass one pair alone as "
                "[(text, text_pair)], and one text alone as [text]."
            )
