"""Estimators whose scores have a gradient: an encoder of this package with a smooth head."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline

from skdistilbert.estimators import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertRegressor,
)
from skdistilbert.nn.dense import unit_length
from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.training import POOLING_BACKWARD, Network

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from skdistilbert.inspection.explained_output import ExplainedOutput
    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.weights import Embeddings
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float64]
    # Maps the logits or features of texts, (n_texts, n_outputs), to their scores.
    ScoresOfOutputs = Callable[[FloatArray], FloatArray]

Embedder = DistilBertEmbedder | DistilBertContrastiveEmbedder

# Step of central differences, relative to the output. Their error in float64 is about 1e-10.
STEP = 1e-4


class Differentiable(NamedTuple):
    """A network that reads texts, and a function of its outputs.

    Attributes
    ----------
    tokenizer : WordPieceTokenizer
    plan : EmbeddingPlan
    embeddings : Embeddings
    network : Network
        Its input is the hidden states of the embeddings. Its output is the logits of the head of
        an estimator, or the pooled features.
    scores : callable
        Maps the outputs (n_texts, n_outputs) to the scores of `ExplainedOutput`. Both are float64.
    n_threads : int or None
    """

    tokenizer: WordPieceTokenizer
    plan: EmbeddingPlan
    embeddings: Embeddings
    network: Network
    scores: ScoresOfOutputs
    n_threads: int | None

    def gradient(self, outputs: FloatArray, column: int) -> FloatArray:
        """Return the derivative of the scores in a column with respect to the outputs.

        Central differences are exact for linear heads, and serve any head of scikit-learn.
        """
        gradients = []
        for row in outputs:
            steps = STEP * np.maximum(1, np.abs(row))
            shifted = np.concatenate([row + np.diag(steps), row - np.diag(steps)])
            above, below = np.split(self.scores(shifted)[:, column], 2)
            gradients.append((above - below) / (2 * steps))
        return np.array(gradients)


def as_differentiable(estimator: Any, output: ExplainedOutput) -> Differentiable:  # noqa: ANN401
    """Return the network of an estimator, or raise ValueError if it has no gradient."""
    estimator = _unwrap(estimator)
    if isinstance(estimator, DistilBertClassifier | DistilBertRegressor):
        scores = _scores_of_logits(estimator, output)
        return _differentiable(estimator, estimator.head_, scores)
    is_pipeline = isinstance(estimator, Pipeline) and isinstance(estimator[0], Embedder)
    if is_pipeline and _is_smooth(estimator[-1]):
        scores = _scores_of_features(estimator, output)
        return _differentiable(estimator[0], FeatureHead(), scores)
    raise ValueError(
        "method='integrated_gradients' needs a DistilBertClassifier, a DistilBertRegressor, or a "
        "pipeline from a DistilBertEmbedder to a linear model or a perceptron of scikit-learn; "
        f"got {_name(estimator)}. Use method='occlusion'."
    )


def _unwrap(estimator: Any) -> Any:  # noqa: ANN401
    """Return the fitted estimator inside a search or around a threshold."""
    if hasattr(estimator, "best_estimator_"):
        return _unwrap(estimator.best_estimator_)
    if isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return _unwrap(estimator.estimator_)
    return estimator


def _name(estimator: object) -> str:
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else []
    return " -> ".join(type(step).__name__ for step in steps or [estimator])


def _is_smooth(head: object) -> bool:
    """Return whether a head is a linear model or a multi-layer perceptron."""
    return hasattr(head, "coef_") or hasattr(head, "coefs_")


def _scores_of_logits(
    estimator: DistilBertClassifier | DistilBertRegressor, output: ExplainedOutput
) -> ScoresOfOutputs:
    def scores(logits: FloatArray) -> FloatArray:
        if isinstance(estimator, DistilBertRegressor):
            return logits * estimator._scale.deviation + estimator._scale.mean
        if len(output.targets) == 2 and not output.is_multilabel:
            return logits - logits[:, ::-1]
        return logits

    return scores


def _scores_of_features(pipeline: Pipeline, output: ExplainedOutput) -> ScoresOfOutputs:
    embedder, head = pipeline[0], replace(output, estimator=pipeline[1:])
    has_unit_length = getattr(embedder, "normalize", True)  # always of a contrastive embedder

    def scores(pooled: FloatArray) -> FloatArray:
        features = embedder._plan().after_pooling(pooled)
        return head.scores(unit_length(features) if has_unit_length else features)

    return scores


def _differentiable(
    estimator: DistilBertClassifier | DistilBertRegressor | Embedder,
    head: TrainableHead,
    scores: ScoresOfOutputs,
) -> Differentiable:
    encoder, plan = estimator._loaded_encoder(), estimator._plan()
    reads_one_layer = len(plan.layers) == 1 and plan.layer_weights is None
    reads_whole_texts = plan.stride is None and plan.n_skipped == 0
    has_gradient = len(plan.poolings) == 1 and plan.poolings[0] in POOLING_BACKWARD
    if not (reads_one_layer and reads_whole_texts and has_gradient):
        long_text = "truncate" if plan.stride is None else "window"
        raise ValueError(
            "method='integrated_gradients' needs one layer, whole texts without windows, and the "
            f"pooling {', '.join(POOLING_BACKWARD)}; got layers {plan.layers}, "
            f"long_text={long_text!r} and the pooling {', '.join(plan.poolings)}. Use "
            "method='occlusion'."
        )
    if encoder.tokenizer.mask_token_id is None:
        raise ValueError(
            f"method='integrated_gradients' needs {encoder.tokenizer.mask_token!r:.99} in the "
            "vocabulary. Use method='occlusion'."
        )
    weights, pooling = encoder.model.encoder.up_to(plan.layers[0]), plan.poolings[0]
    network = Network(None, weights.layers, head, weights.n_heads, weights.activation, pooling)
    return Differentiable(
        encoder.tokenizer, plan, weights.embeddings, network, scores, estimator.n_threads
    )
