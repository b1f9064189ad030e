"""Training in two stages: layers on the cosines between texts, then a linear head."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.estimators.contrastive_training import (
    choose_loss,
    contrastive_loss,
    count_epochs,
    loss_of_labels,
)
from skdistilbert.estimators.fine_tuning import FineTuning
from skdistilbert.estimators.text_examples import TextWindows, truncated_examples
from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.training import (
    ContrastiveTrainer,
    WindowTrainer,
    choose_strength,
    fit_linear_head,
)
from skdistilbert.tasks.text_pooling import pool_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.estimators.training_options import TrainingOptions
    from skdistilbert.estimators.training_texts import TrainingTexts
    from skdistilbert.nn.heads import LinearHead
    from skdistilbert.nn.training import Examples, History, LinearProblem, Observer, Trainer
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan

# Trained features separate the training texts better than new texts. They therefore need about
# twice the penalty that suits the frozen features, which is half the strength.
STRENGTH_OF_TRAINED_FEATURES = 1 / 2


class StagedTraining:
    """The last layers of an encoder in training on cosines, and a linear head on the result.

    Only the head is trained if there are no layers to train, if no two texts have the same class,
    or if all texts have the same class.

    If long texts are read in windows, a batch has one random window of each of its texts. The
    layers are therefore trained as fast as on truncated texts. The head is trained on the features
    of whole texts, because a head that was trained on windows was less accurate.

    Parameters
    ----------
    encoder : TextEncoder
    plan : EmbeddingPlan
        Pooling and maximum length of the features.
    labelled : TrainingTexts
    problem : LinearProblem
        Frozen features of the texts, their targets and the loss of the head.
    options : TrainingOptions
    random_state : RandomState
    """

    def __init__(
        self,
        encoder: TextEncoder,
        plan: EmbeddingPlan,
        labelled: TrainingTexts,
        problem: LinearProblem,
        options: TrainingOptions,
        random_state: RandomState,
    ) -> None:
        self._encoder, self._plan, self._labelled = encoder, plan, labelled
        self._problem, self._n_threads = problem, options.n_threads
        self._strength = choose_strength(problem, random_state, options.n_threads)
        self._layers: FineTuning | None = None
        self._windows: TextWindows | None = None
        self.n_epochs = 1
        if options.n_layers and _has_similar_texts(problem.targets):
            name = choose_loss(problem.features.__getitem__, problem.targets, random_state)
            loss = contrastive_loss(plan, loss_of_labels(name))
            trainer: Callable[..., Trainer] = ContrastiveTrainer
            if plan.stride is not None:
                self._windows = TextWindows.cut(labelled, encoder, plan)
                trainer = partial(WindowTrainer, self._windows.places.rows)
            self._layers = FineTuning(encoder, FeatureHead(), loss, options, random_state, trainer)
            self.n_epochs = count_epochs(options, len(labelled.texts))

    def run(self, observer: Observer, history: History) -> None:
        """Train the layers."""
        if self._layers is None:
            observer.begin_epoch()
            history.losses.append(self._problem.mean_loss(self._frozen_head))
            observer.end_epoch(history)
        else:
            examples = self._examples(self._layers)
            self._layers.run(examples, None, None, self.n_epochs, observer, history)

    def _examples(self, layers: FineTuning) -> Examples:
        if self._windows is not None:
            return self._windows.examples(layers)
        texts, targets, _ = self._labelled
        return truncated_examples(layers, texts, targets, self._problem.weights)

    @property
    def pools_windows(self) -> bool:
        """Always True: the head reads the features of whole texts."""
        return True

    def tuned_encoder(self) -> TextEncoder:
        """Return the encoder with the current weights of the trained layers."""
        return self._layers.tuned_encoder() if self._layers else self._encoder

    @cached_property
    def _frozen_head(self) -> LinearHead:
        return fit_linear_head(self._problem, self._strength)

    @property
    def head(self) -> LinearHead:
        """The head that fits the features of the encoder with its current weights."""
        if self._layers is None:
            return self._frozen_head
        tuned = self.tuned_encoder()
        features, _ = pool_texts(
            tuned.encoder, tuned.tokenizer, self._labelled.texts, self._plan, self._n_threads
        )
        problem = self._problem._replace(features=features)
        return fit_linear_head(problem, STRENGTH_OF_TRAINED_FEATURES * self._strength)


def _has_similar_texts(classes: NDArray[np.integer]) -> bool:
    """Return whether some texts share a class, and others do not."""
    sizes = np.bincount(classes)
    return bool(1 < sizes.max() < len(classes))
