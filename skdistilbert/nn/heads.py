"""The task heads of DistilBERT, on columns of hidden states (dim, n_tokens)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.activations import ACTIVATIONS, relu
from skdistilbert.nn.functional import layer_norm, linear
from skdistilbert.nn.weights import LayerNorm, Linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdistilbert.nn.weights import Activation, Array


@dataclass(frozen=True, slots=True)
class SequenceClassificationHead:
    """Hidden layer with ReLU, then a linear layer, on each text's first token."""

    pre_classifier: Linear  # (dim, dim)
    classifier: Linear  # (num_labels, dim)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> SequenceClassificationHead:
        """Take the head's tensors from among a checkpoint's."""
        return cls(
            Linear.from_tensors(tensors, "pre_classifier"),
            Linear.from_tensors(tensors, "classifier"),
        )

    def tensors(self) -> dict[str, Array]:
        """Give what `from_tensors` takes."""
        hidden = self.pre_classifier.tensors("pre_classifier")
        return hidden | self.classifier.tensors("classifier")

    @np.errstate(all="ignore")  # what overflows does so in torch, too
    def logits(self, pooled: Array) -> Array:
        """(dim, n_texts) -> (num_labels, n_texts)."""
        return linear(relu(linear(pooled, self.pre_classifier)), self.classifier)


@dataclass(frozen=True, slots=True)
class MaskedLMHead:
    """Hidden layer with activation and normalisation, then the vocabulary projection."""

    vocab_transform: Linear  # (dim, dim)
    vocab_layer_norm: LayerNorm
    vocab_projector: Linear  # (vocab_size, dim)
    activation: Activation

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Array], activation: Activation, layer_norm_eps: float
    ) -> MaskedLMHead:
        """Take the head's tensors from among a checkpoint's."""
        return cls(
            Linear.from_tensors(tensors, "vocab_transform"),
            LayerNorm.from_tensors(tensors, "vocab_layer_norm", layer_norm_eps),
            Linear.from_tensors(tensors, "vocab_projector"),
            activation,
        )

    def logits(self, hidden: Array) -> Array:
        """(dim, n_tokens) -> (vocab_size, n_tokens)."""
        transformed = ACTIVATIONS[self.activation](linear(hidden, self.vocab_transform))
        return linear(layer_norm(transformed, self.vocab_layer_norm), self.vocab_projector)
