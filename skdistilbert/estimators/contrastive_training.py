"""Options and loss of contrastive training."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn.utils import check_consistent_length

from skdistilbert.checkpoint.module_files import DenseFiles, LayerNormFiles
from skdistilbert.checkpoint.module_writing import sentence_module_files
from skdistilbert.estimators.targets import Labels
from skdistilbert.estimators.training_options import TrainingOptions, count_trained_layers
from skdistilbert.nn.dense import unit_length
from skdistilbert.nn.tape import Tape
from skdistilbert.nn.training import (
    POOLING_BACKWARD,
    class_batches,
    cosine_loss,
    dense_backward,
    normalize_features_backward,
    share_a_label,
    supervised_contrastive_loss,
    unit_length_backward,
)
from skdistilbert.tasks.embedding_plan import apply_modules
from skdistilbert.tasks.text_pooling import pool_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint.sentence_modules import AfterPooling
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.nn.packing import BoolArray, IntArray
    from skdistilbert.nn.training.losses import Loss
    from skdistilbert.nn.weights import Array
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan

    LabelLoss = Callable[[Array, BoolArray], tuple[float, Array]]
    BatchLoss = Callable[[Array, NDArray[Any]], tuple[float, Array]]

# What "auto" means; see benchmarks/README.md. Wider encoders need a lower learning rate: 4e-4 was
# best for a width of 192, and 2e-4 for 384. Training has at least EPOCHS epochs and STEPS steps.
# With 100 steps the accuracy on 8 texts per class of Banking77 fell by 0.03.
LEARNING_RATE_TIMES_DIM, BATCH_SIZE = 0.08, 64
STEPS, EPOCHS = 40, 2
WEIGHT_DECAY = 0.01
# If pretrained features separate the classes, the supervised loss keeps them better. Otherwise the
# cosine loss is more accurate, because it changes the encoder more. See benchmarks/README.md.
ENOUGH_SEPARATION = 2 / 3
TEXTS_TO_SEPARATE = 512
LOSSES: dict[str, LabelLoss] = {
    "cosine": cosine_loss,
    "supervised": supervised_contrastive_loss,
}


def contrastive_options(
    estimator: Any,  # noqa: ANN401
    encoder: TextEncoder,
    plan: EmbeddingPlan,
) -> TrainingOptions:
    """Return the options of an estimator for an encoder, or raise ValueError."""
    _check_pooling(plan, estimator.model)
    config = encoder.model.config
    if config.n_layers == 0:
        raise ValueError(
            f"model must have layers to train; got {estimator.model}, whose n_layers is 0. Use "
            "DistilBertEmbedder, which trains nothing."
        )
    return TrainingOptions(
        n_layers=count_trained_layers(estimator, encoder),
        with_embeddings=estimator.trainable_layers == "all",
        pooling=plan.poolings[0],
        max_length=plan.max_length,
        alpha=WEIGHT_DECAY,
        max_iter=estimator.max_iter,
        tol=0.0,
        validation_fraction=None,
        n_iter_no_change=1,
        n_threads=estimator.n_threads,
        **contrastive_pace(estimator, config.dim),
    )


def contrastive_pace(estimator: Any, dim: int) -> dict[str, Any]:  # noqa: ANN401
    """Return the learning rate and the batch size of `TrainingOptions`, with "auto" replaced."""
    rate, batch_size = estimator.learning_rate_init, estimator.batch_size
    return {
        "learning_rate": LEARNING_RATE_TIMES_DIM / dim if rate == "auto" else rate,
        "batch_size": BATCH_SIZE if batch_size == "auto" else batch_size,
    }


def _check_pooling(plan: EmbeddingPlan, model: object) -> None:
    """Raise ValueError if gradients cannot pass through the pooling of the checkpoint."""
    is_simple = len(plan.poolings) == 1 and plan.layer_weights is None and not plan.n_skipped
    if not (is_simple and plan.poolings[0] in POOLING_BACKWARD):
        raise ValueError(
            f"pooling must be one of {', '.join(map(repr, POOLING_BACKWARD))} to train the "
            f"encoder; got {'+'.join(plan.poolings)} from {model}."
        )


def count_epochs(options: TrainingOptions, n_texts: int) -> int:
    """Return the number of epochs for a number of texts."""
    if options.max_iter != "auto":
        return int(options.max_iter)
    return max(EPOCHS, ceil(STEPS / ceil(n_texts / options.batch_size)))


def encode_classes(texts: Sequence[Any], y: Any) -> NDArray[Any]:  # noqa: ANN401
    """Return encoded labels; raise ValueError if all texts share a class, or no two texts do."""
    labels = Labels.from_targets(y)
    targets = labels.encode(y)
    check_consistent_length(texts, targets.T)
    sizes = np.count_nonzero(targets, axis=1) if labels.multilabel else np.bincount(targets)
    n_texts = targets.shape[-1]
    if (sizes == n_texts).any():
        raise ValueError(
            "y must have at least two classes, because the loss moves texts of different classes "
            f"apart; got {n_texts} texts of one class: "
            f"{labels.classes[sizes.argmax()].item()!r}."
        )
    if not (sizes > 1).any():
        raise ValueError(
            "y must have at least one class with two texts or more, because the loss moves texts "
            f"of a class together; got {n_texts} texts with at most one text per class."
        )
    return targets


def pretrained_features(
    encoder: TextEncoder, texts: list[str], plan: EmbeddingPlan, n_threads: int | None
) -> Callable[[IntArray], Array]:
    """Return a function that returns the features of some rows without changes of the encoder."""
    pretrained = encoder.pretrained

    def features_of(rows: IntArray) -> Array:
        some, weights = [texts[row] for row in rows], pretrained.model.encoder
        pooled, _ = pool_texts(weights, pretrained.tokenizer, some, plan, n_threads)
        return plan.after_pooling(pooled)

    return features_of


def choose_loss(
    features_of: Callable[[IntArray], Array], targets: NDArray[Any], random_state: RandomState
) -> Literal["cosine", "supervised"]:
    """Return "supervised" if pretrained features separate the classes well, else "cosine".

    `features_of` returns the pretrained features of some rows, (n_rows, n_features).
    """
    rows = class_batches(targets, TEXTS_TO_SEPARATE, random_state)[0]
    separation = label_separation(features_of(rows), targets[..., rows])
    return "supervised" if separation > ENOUGH_SEPARATION else "cosine"


def label_separation(features: Array, targets: NDArray[Any]) -> float:
    """Return how well features predict labels: 1 means always, and 0 as often as by chance.

    A text is predicted to have the label whose other texts have the most similar mean. The
    features are (n_texts, n_features), the targets class indices or indicators.
    """
    units = unit_length(features)
    labels = np.arange(targets.max() + 1)[:, None]
    members = targets > 0 if targets.ndim > 1 else targets == labels
    sums = members @ units  # (n_labels, n_features)
    products, own = units @ sums.T, members.T
    lengths = np.square(sums).sum(axis=1) - own * (2 * products - 1)  # without the text itself
    cosines = (products - own) / np.sqrt(np.maximum(lengths, 1e-9))
    correct = members[cosines.argmax(axis=1), np.arange(len(units))].mean()
    chance = members.mean(axis=1).max()
    return float((correct - chance) / (1 - chance)) if chance < 1 else 0.0


def loss_of_labels(name: str) -> BatchLoss:
    """Return the loss of a batch whose targets are labels."""
    return lambda units, targets: LOSSES[name](units, share_a_label(targets))


def contrastive_loss(plan: EmbeddingPlan, compare: BatchLoss) -> Loss:
    """Return the loss of pooled columns (dim, n_texts), given the loss of unit vectors."""

    def loss(pooled: Array, targets: NDArray[Any], weights: Array) -> tuple[float, Array]:  # noqa: ARG001
        tape = Tape()
        features = apply_modules(plan.after, pooled.T, tape)
        units = unit_length(features[:, : plan.n_features], tape)
        value, d_units = compare(units, targets)
        d_features = np.zeros_like(features)  # zero for features that are truncated
        d_features[:, : plan.n_features] = unit_length_backward(d_units, tape)
        return value, _modules_backward(plan.after, d_features, tape).T

    return loss


def _modules_backward(after: tuple[AfterPooling, ...], d_features: Array, tape: Tape) -> Array:
    """Differentiate `apply_modules`."""
    for module in reversed(after):
        if module is None:
            d_features = unit_length_backward(d_features, tape)
        elif isinstance(module, LayerNormFiles):
            d_features = normalize_features_backward(d_features, module.tensors, tape)
        else:
            d_features = dense_backward(d_features, module.tensors, tape)
    return d_features


def module_files(plan: EmbeddingPlan, dim: int) -> dict[str, bytes | None]:
    """Return the files of sentence-transformers with which the features have unit length."""
    after = plan.after if plan.after[-1:] == (None,) else (*plan.after, None)
    config: dict[str, Any] = {}
    if plan.prompt:
        config |= {"prompts": {"default": plan.prompt}, "default_prompt_name": "default"}
    dense = [module for module in after if isinstance(module, DenseFiles)]
    if plan.n_features < (len(dense[-1].tensors["linear.weight"]) if dense else dim):
        config["truncate_dim"] = plan.n_features
    return sentence_module_files(plan.poolings[0], dim, after, config)
