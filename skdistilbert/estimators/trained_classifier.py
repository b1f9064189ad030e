"""Base class of the classifiers of texts and words: classes, class weights, `partial_fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skdistilbert.estimators.fine_tuning import FineTuning, TrainingOptions
from skdistilbert.estimators.targets import Labels
from skdistilbert.estimators.trained_estimator import TrainedEstimator
from skdistilbert.nn.training import Examples, History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.estimators.text_encoder import TextEncoder


# Penalty of the head with which fine-tuning starts; see `skdistilbert.nn.training.linear_head`.
STRENGTH_OF_FIRST_HEAD = 30.0


class TrainedClassifier(TrainedEstimator):
    """Base of the estimators that predict classes."""

    class_weight: Mapping[Any, float] | Literal["balanced"] | list[Mapping[int, float]] | None

    classes_: NDArray[Any]
    _multilabel = False

    @property
    def _labels(self) -> Labels:
        return Labels(self.classes_, self._multilabel)

    @_labels.setter
    def _labels(self, labels: Labels) -> None:
        self.classes_, self._multilabel = labels.classes, labels.multilabel

    def _fitted_labels_for(self, labels: Labels) -> Labels:
        """Return the labels of the previous fit, or raise if other labels are not among them."""
        if not labels.is_compatible_with(self._labels):
            raise ValueError(
                f"warm_start needs the classes of the first fit, {_describe(self._labels)}; got "
                f"{_describe(labels)}. Set warm_start=False to train a new head."
            )
        return self._labels

    def _begin_partial_fit(self, labels: Labels, *, are_given: bool) -> TrainingOptions:
        """Check the classes; load the encoder in the first call."""
        if self.early_stopping or self.class_weight == "balanced":
            raise ValueError(
                "partial_fit sees only some of the texts, so early_stopping must be False and "
                "class_weight must be weights or None; got "
                f"early_stopping={self.early_stopping!r} and class_weight={self.class_weight!r}. "
                "sklearn.utils.compute_class_weight computes balanced weights."
            )
        if hasattr(self, "head_"):
            differ = labels.has_other_columns_than(self._labels)
            if differ or (are_given and not np.array_equal(labels.classes, self.classes_)):
                raise ValueError(
                    f"classes must equal the classes of the first call, "
                    f"{self.classes_.tolist()}; got {labels.classes.tolist()}."
                )
            return self._options_of_partial_fit(self._loaded_encoder())
        if not (are_given or labels.multilabel):
            raise ValueError(
                "classes must be given in the first call of partial_fit; got classes=None."
            )
        self._begin_fit()
        options = self._options_of_partial_fit(self._encoder)
        self._labels = labels
        return options

    def _options_of_partial_fit(self, encoder: TextEncoder) -> TrainingOptions:
        n_layers = 0 if self.trainable_layers == "auto" else None
        return TrainingOptions.resolve(self, encoder.pretrained, n_layers)

    def _train_one_epoch(self, training: FineTuning, examples: Examples) -> None:
        """Train for one epoch after the previous calls, and keep the result."""
        history = History(list(getattr(self, "loss_curve_", [])))
        try:
            history.losses += training.run_epoch(examples).losses
        except BaseException:
            if hasattr(self, "head_"):  # Its arrays are being trained, so the others must follow.
                self._keep(training, history)
            raise
        self._keep(training, history)


def _describe(labels: Labels) -> str:
    form = "in an indicator matrix" if labels.multilabel else "as single labels"
    return f"{labels.classes.tolist()} {form}"
