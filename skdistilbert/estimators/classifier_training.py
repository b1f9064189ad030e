"""The training of the classifier: in two stages, or layers and head together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length, check_random_state

from skdistilbert.estimators.contrastive_training import contrastive_pace
from skdistilbert.estimators.export import sequence_model
from skdistilbert.estimators.fine_tuning import new_sequence_head
from skdistilbert.estimators.sklearn_compat import check_sample_weight
from skdistilbert.estimators.staged_training import StagedTraining
from skdistilbert.estimators.text_predictor import TextPredictor
from skdistilbert.estimators.trained_classifier import TrainedClassifier
from skdistilbert.estimators.training_options import split_rows
from skdistilbert.estimators.training_texts import TrainingTexts
from skdistilbert.nn.training import LinearProblem

if TYPE_CHECKING:
    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators.targets import Labels
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.estimators.training_options import TrainingOptions
    from skdistilbert.models import DistilBertForSequenceClassification
    from skdistilbert.nn.heads import SequenceClassificationHead
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training import Examples
    from skdistilbert.tasks.pair_input import TextOrPair


class ClassifierTraining(TrainedClassifier, TextPredictor):
    """Base of the classifier of texts."""

    learning_rate_init: float | str
    batch_size: int | str
    max_iter: int | str
    pooling_: Pooling | None

    def _labelled(
        self,
        texts: list[TextOrPair],
        y: ArrayLike,
        labels: Labels,
        sample_weight: ArrayLike | None,
    ) -> TrainingTexts:
        """Return the texts with non-zero weight and their encoded labels, or raise."""
        targets = labels.encode(y)
        check_consistent_length(texts, targets.T)
        weights = check_sample_weight(sample_weight, len(texts))
        weights = weights * labels.class_weights(self.class_weight, targets)
        return TrainingTexts(texts, targets, weights).with_weight()

    @property
    def _trains_in_stages(self) -> bool:
        """Whether the head is trained after the layers instead of together with them."""
        if self.early_stopping or self.warm_start:
            return False
        if self.trainable_layers == "auto":
            return not self._multilabel
        pace = (self.learning_rate_init, self.batch_size, self.max_iter)
        return self.trainable_layers == 0 and all(value == "auto" for value in pace)

    def _train_in_stages(
        self, options: TrainingOptions, labelled: TrainingTexts, data: dict[str, Any]
    ) -> None:
        training = StagedTraining(
            self._encoder,
            self._plan(),
            labelled,
            self._head_problem(labelled),
            options._replace(**contrastive_pace(self, self._encoder.model.config.dim)),
            check_random_state(self.random_state),
        )
        self._run(training, training.n_epochs, training.run, data)

    def _train_together(
        self, options: TrainingOptions, labelled: TrainingTexts, data: dict[str, Any]
    ) -> None:
        random_state = check_random_state(self.random_state)
        stratify = None if self._multilabel else labelled.targets
        split = split_rows(np.arange(len(labelled.texts)), options, random_state, stratify)

        def frozen_problem(_: RandomState) -> LinearProblem:
            return self._head_problem(labelled).select(split[0])

        training = self._start_classifier(options, random_state, frozen_problem)
        self._train_on_texts(training, labelled.normalized(), split, self._score, data)

    def _resolve_options(self, encoder: TextEncoder) -> TrainingOptions:
        options = super()._resolve_options(encoder)
        grows = options.pooling == "mean_sqrt_len_tokens" and self.long_text == "window"
        if grows and self._trains_in_stages:
            raise ValueError(
                f"pooling={options.pooling!r} cannot be combined with long_text='window', because "
                "a head for features that grow with the length of the text cannot be saved. Use "
                "pooling='mean'."
            )
        return options

    def _begin_fit(self) -> TrainingOptions:
        options = super()._begin_fit()
        self.pooling_ = options.pooling
        return options

    def _embedding_options(self) -> dict[str, Any]:
        pooling = getattr(self, "pooling_", self.pooling)  # a pickle of version 0.1 has none
        return super()._embedding_options() | {"pooling": pooling}

    def _task_model(self) -> DistilBertForSequenceClassification:
        kind = "multi" if self._multilabel else "single"
        model = self._loaded_encoder().model
        labels, problem_type = self.classes_, f"{kind}_label_classification"
        return sequence_model(
            model, self.head_, self.pooling_, labels, problem_type, self._pools_windows
        )

    def _head_problem(self, labelled: TrainingTexts) -> LinearProblem:
        """Return the problem of a linear head on the features of texts."""
        features = self._features(labelled.texts, warn=False)
        weights, n_labels = labelled.weights.astype(np.float32), len(self.classes_)
        return LinearProblem(features, labelled.targets, weights, self._loss, n_labels)

    def _new_head(
        self, config: DistilBertConfig, random_state: RandomState
    ) -> SequenceClassificationHead:
        return new_sequence_head(config, self.pooling_, len(self.classes_), random_state)

    def _score(self, logits: NDArray[np.float32], examples: Examples) -> float:
        """Return the accuracy; for multi-label targets all labels of a text must be right."""
        if self._labels.multilabel:
            correct = ((logits > 0) == examples.targets).all(axis=0)
        else:
            correct = logits.argmax(axis=0) == examples.targets
        return float(np.average(correct, weights=examples.weights))
