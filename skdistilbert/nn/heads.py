"""The task heads of DistilBERT and BERT, on columns of hidden states (dim, n_columns)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from skdistilbert.nn.activations import ACTIVATIONS
from skdistilbert.nn.functional import layer_norm, linear
from skdistilbert.nn.weights import LayerNorm, Linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Activation, Array


Architecture = Literal["distilbert", "bert"]
# The activation of a head on texts in each architecture, and the name of its first layer.
HEAD_ACTIVATIONS: dict[Architecture, Activation] = {"distilbert": "relu", "bert": "tanh"}
FIRST_LAYERS: dict[Activation, str] = {"relu": "pre_classifier", "tanh": "pooler.dense"}


@dataclass(frozen=True, slots=True)
class SequenceClassificationHead:
    """Linear layer with an activation, then a linear layer, on each text's pooled hidden state.

    The activation is ReLU in DistilBERT and tanh in BERT, which calls the first layer its pooler.
    """

    pre_classifier: Linear  # (dim, dim)
    classifier: Linear  # (num_labels, dim)
    activation: Activation = "relu"

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> SequenceClassificationHead:
        """Take the tensors of the head from a checkpoint."""
        activation = "relu" if "pre_classifier.weight" in tensors else "tanh"
        return cls(
            Linear.from_tensors(tensors, FIRST_LAYERS[activation]),
            Linear.from_tensors(tensors, "classifier"),
            activation,
        )

    def tensors(self) -> dict[str, Array]:
        """Return the named tensors, the inverse of `from_tensors`."""
        first = self.pre_classifier.tensors(FIRST_LAYERS[self.activation])
        return first | self.classifier.tensors("classifier")

    @np.errstate(all="ignore")  # overflow has the same result as in torch
    def logits(self, pooled: Array, tape: Tape | None = None) -> Array:
        """Compute the logits: (dim, n_texts) -> (num_labels, n_texts)."""
        hidden = linear(pooled, self.pre_classifier, tape)
        hidden = ACTIVATIONS[self.activation](hidden, tape)
        if tape is not None:
            tape.drop(hidden, tape.rates.head)
        return linear(hidden, self.classifier, tape)


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear layer on each token, or on each text's pooled hidden state."""

    classifier: Linear  # (num_labels, dim)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> LinearHead:
        """Take the tensors of the head from a checkpoint."""
        return cls(Linear.from_tensors(tensors, "classifier"))

    def tensors(self) -> dict[str, Array]:
        """Return the named tensors, the inverse of `from_tensors`."""
        return self.classifier.tensors("classifier")

    def logits(self, hidden: Array, tape: Tape | None = None) -> Array:
        """Compute the logits: (dim, n_columns) -> (num_labels, n_columns)."""
        if tape is not None:
            hidden = hidden.copy()
            tape.drop(hidden, tape.rates.head)
        return linear(hidden, self.classifier, tape)


@dataclass(frozen=True, slots=True)
class FeatureHead:
    """A head without weights, which returns its input."""

    def logits(self, hidden: Array, tape: Tape | None = None) -> Array:  # noqa: ARG002
        """Return `hidden`."""
        return hidden


@dataclass(frozen=True, slots=True)
class MaskedLMHead:
    """Linear layer with activation and normalisation, then the vocabulary projection."""

    vocab_transform: Linear  # (dim, dim)
    vocab_layer_norm: LayerNorm
    vocab_projector: Linear  # (vocab_size, dim)
    activation: Activation

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Array], activation: Activation, layer_norm_eps: float
    ) -> MaskedLMHead:
        """Take the tensors of the head from a checkpoint."""
        return cls(
            Linear.from_tensors(tensors, "vocab_transform"),
            LayerNorm.from_tensors(tensors, "vocab_layer_norm", layer_norm_eps),
            Linear.from_tensors(tensors, "vocab_projector"),
            activation,
        )

    def logits(self, hidden: Array) -> Array:
        """Compute the logits: (dim, n_tokens) -> (vocab_size, n_tokens)."""
        transformed = ACTIVATIONS[self.activation](linear(hidden, self.vocab_transform), None)
        return linear(layer_norm(transformed, self.vocab_layer_norm), self.vocab_projector)


TrainableHead = SequenceClassificationHead | LinearHead | FeatureHead
