"""Estimators whose scores have a gradient: an encoder of this package with a smooth head."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import normalize

from skdistilbert.estimators import (
    DistilBertClassifier,
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertRegressor,
)
from skdistilbert.nn.heads import FeatureHead
from skdistilbert.nn.training import POOLING_BACKWARD, Network

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.inspection.explained_output import ExplainedOutput
    from skdistilbert.nn.heads import SequenceClassificationHead
    from skdistilbert.nn.weights import Embeddings
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float64]
    # Maps the logits or features of texts, (n_texts, n_outputs), to their scores.
    ScoresOfOutputs = Callable[[FloatArray], FloatArray]

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
    wrappers = FixedThresholdClassifier, TunedThresholdClassifierCV
    if hasattr(estimator, "best_estimator_"):  # of a search
        return as_differentiable(estimator.best_estimator_, output)
    if isinstance(estimator, wrappers):
        return as_differentiable(estimator.estimator_, output)
    if isinstance(estimator, DistilBertClassifier | DistilBertRegressor):
        encoder = estimator._loaded_encoder()
        plan = encoder.plan(estimator._embedding_options())
        scores = _scores_of_logits(estimator, output)
        return _differentiable(encoder, plan, estimator.head_, scores, estimator.n_threads)
    if isinstance(estimator, Pipeline) and _is_smooth(estimator[-1]):
        embedder, head = estimator[0], replace(output, estimator=estimator[1:])
        if isinstance(embedder, DistilBertEmbedder | DistilBertContrastiveEmbedder):
            encoder = embedder._loaded_encoder()
            plan = encoder.plan(embedder._embedding_options())
            has_unit_length = getattr(embedder, "normalize", True)

            def scores_of_features(pooled: FloatArray) -> FloatArray:
                features = plan.after_pooling(pooled)  # type: ignore[arg-type]  # also for float64
                return head.scores(normalize(features) if has_unit_length else features)

            network_head = FeatureHead()
            n_threads = embedder.n_threads
            return _differentiable(encoder, plan, network_head, scores_of_features, n_threads)
    raise ValueError(
        "method='integrated_gradients' needs a DistilBertClassifier, a DistilBertRegressor, or a "
        "pipeline from a DistilBertEmbedder to a linear model or a perceptron of scikit-learn; "
        f"got {_name(estimator)}. Use method='occlusion'."
    )


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


def _differentiable(
    encoder: TextEncoder,
    plan: EmbeddingPlan,
    head: SequenceClassificationHead | FeatureHead,
    scores: ScoresOfOutputs,
    n_threads: int | None,
) -> Differentiable:
    is_supported = len(plan.layers) == len(plan.poolings) == 1 and plan.n_skipped == 0
    if not is_supported or plan.stride is not None or plan.poolings[0] not in POOLING_BACKWARD:
        raise ValueError(
            "method='integrated_gradients' needs one layer, whole texts without windows, and the "
            f"pooling {', '.join(POOLING_BACKWARD)}; got layers {plan.layers} and the pooling "
            f"{', '.join(plan.poolings)}. Use method='occlusion'."
        )
    if encoder.tokenizer.mask_token_id is None:
        raise ValueError(
            f"method='integrated_gradients' needs {encoder.tokenizer.mask_token!r:.99} in the "
            "vocabulary. Use method='occlusion'."
        )
    weights = encoder.model.encoder.up_to(plan.layers[0])
    network = Network(
        None, weights.layers, head, weights.n_heads, weights.activation, plan.poolings[0]
    )
    return Differentiable(encoder.tokenizer, plan, weights.embeddings, network, scores, n_threads)
