"""Output classes of the models, with the field names of transformers.

All arrays are float32. If requested, `hidden_states` are the output of the embeddings and of each
layer, each (batch, seq_len, dim). `attentions` are the attention probabilities of each layer,
each (batch, n_heads, seq_len, seq_len) with one row per query.

Masked positions are zero, except for the hidden states and attentions of the first position. These
have the values of transformers even if the mask hides this position, as with padding on the left.
Multiply hidden states by the mask before summing them over positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    Layers = tuple[FloatArray, ...]


class BaseModelOutput(NamedTuple):
    """Output of `DistilBertModel`."""

    last_hidden_state: FloatArray  # (batch, seq_len, dim)
    hidden_states: Layers | None = None
    attentions: Layers | None = None


class SequenceClassifierOutput(NamedTuple):
    """Output of `DistilBertForSequenceClassification`."""

    logits: FloatArray  # (batch, num_labels)
    hidden_states: Layers | None = None
    attentions: Layers | None = None


class TokenClassifierOutput(NamedTuple):
    """Output of `DistilBertForTokenClassification`."""

    logits: FloatArray  # (batch, seq_len, num_labels)
    hidden_states: Layers | None = None
    attentions: Layers | None = None


class QuestionAnsweringModelOutput(NamedTuple):
    """Output of `DistilBertForQuestionAnswering`."""

    start_logits: FloatArray  # (batch, seq_len)
    end_logits: FloatArray  # (batch, seq_len)
    hidden_states: Layers | None = None
    attentions: Layers | None = None


class MaskedLMOutput(NamedTuple):
    """Output of `DistilBertForMaskedLM`."""

    logits: FloatArray  # (batch, seq_len, vocab_size)
    hidden_states: Layers | None = None
    attentions: Layers | None = None
