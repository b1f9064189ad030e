"""Base class of the classifiers of texts and words: classes, class weights, `partial_fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils import check_random_state

from skdistilbert.estimators.targets import Labels
from skdistilbert.estimators.trained_estimator import TrainedEstimator
from skdistilbert.estimators.training_options import TrainingOptions
from skdistilbert.nn.training import (
    Examples,
    History,
    LinearProblem,
    binary_cross_entropy,
    cross_entropy,
    fit_linear_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators.fine_tuning import FineTuning
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.training.losses import Loss


# Inverse of the penalty of the head with which fine-tuning starts, multiplied by the sum of the
# weights of the texts and divided by the number of labels. The head then depends neither on the
# scale of the weights nor on repetitions of the texts; see benchmarks/README.md.
STRENGTH_OF_FIRST_HEAD = 10.0


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

    def _labels_to_fit(self, labels: Labels) -> Labels:
        """Return the labels to fit; with a warm start, the labels of the previous fit."""
        if not (self.warm_start and hasattr(self, "head_")):
            return labels
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
                "classes must be given in the first call of partial_fit; got classes=None. Pass "
                "all labels of this and later calls."
            )
        self._begin_fit()
        options = self._options_of_partial_fit(self._encoder)
        self._labels = labels
        return options

    def _options_of_partial_fit(self, encoder: TextEncoder) -> TrainingOptions:
        n_layers = 0 if self.trainable_layers == "auto" else None
        return TrainingOptions.resolve(self, encoder.pretrained, n_layers)

    @property
    def _loss(self) -> Loss:
        return binary_cross_entropy if self._multilabel else cross_entropy

    def _new_head(self, config: DistilBertConfig, random_state: RandomState) -> TrainableHead:
        """Return a head with random weights."""
        raise NotImplementedError

    def _start_classifier(
        self,
        options: TrainingOptions,
        random_state: RandomState,
        frozen_problem: Callable[[RandomState], LinearProblem] | None = None,
    ) -> FineTuning:
        """Continue with the fitted head, or start with a new one.

        If layers are trained, the new head solves the problem of the frozen features, because
        random heads distort features (Kumar et al., 2022).
        """

        def new_head(config: DistilBertConfig, random_state: RandomState) -> TrainableHead:
            if frozen_problem is None or not options.n_layers:
                return self._new_head(config, random_state)
            problem = frozen_problem(random_state)
            strength = STRENGTH_OF_FIRST_HEAD * problem.num_labels / float(problem.weights.sum())
            return fit_linear_head(problem, strength)

        return self._start_training(options, self._loss, new_head, random_state)

    def _train_one_epoch(
        self, options: TrainingOptions, examples_of: Callable[[FineTuning], Examples]
    ) -> None:
        """Train for one epoch after the previous calls, and keep the result."""
        if self._fine_tuning is None:
            random_state = check_random_state(self.random_state)
            self._fine_tuning = self._start_classifier(options, random_state)
        training = self._fine_tuning
        training.set_pace(options)
        examples = examples_of(training)
        history = History(list(getattr(self, "loss_curve_", [])))
        try:
            history.losses += training.run_epoch(examples).losses
        except BaseException:
            # The epoch has changed the arrays of `head_`, so the other attributes must be updated.
            if hasattr(self, "head_"):
                self._keep(training, history)
            raise
        self._keep(training, history)


def _describe(labels: Labels) -> str:
    form = "in an indicator matrix" if labels.multilabel else "as single labels"
    return f"{labels.classes.tolist()} {form}"
