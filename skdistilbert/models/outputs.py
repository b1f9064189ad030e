"""Output classes of the models, with the field names of transformers.

All arrays are float32. Masked positions are zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]


class BaseModelOutput(NamedTuple):
    """Output of `DistilBertModel`.

    Attributes
    ----------
    last_hidden_state : ndarray of shape (batch, seq_len, dim)
    hidden_states : tuple of n_layers + 1 ndarrays of shape (batch, seq_len, dim), or None
        Output of the embeddings and of each layer, if requested.
    attentions : tuple of n_layers ndarrays of shape (batch, n_heads, seq_len, seq_len), or None
        Attention probabilities of each layer, with one row per query, if requested.
    """

    last_hidden_state: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class SequenceClassifierOutput(NamedTuple):
    """Output of `DistilBertForSequenceClassification`.

    Attributes
    ----------
    logits : ndarray of shape (batch, num_labels)
    hidden_states, attentions
        As in `BaseModelOutput`.
    """

    logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class TokenClassifierOutput(NamedTuple):
    """Output of `DistilBertForTokenClassification`.

    Attributes
    ----------
    logits : ndarray of shape (batch, seq_len, num_labels)
    hidden_states, attentions
        As in `BaseModelOutput`.
    """

    logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class QuestionAnsweringModelOutput(NamedTuple):
    """Output of `DistilBertForQuestionAnswering`.

    Attributes
    ----------
    start_logits, end_logits : ndarray of shape (batch, seq_len)
    hidden_states, attentions
        As in `BaseModelOutput`.
    """

    start_logits: FloatArray
    end_logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class MaskedLMOutput(NamedTuple):
    """Output of `DistilBertForMaskedLM`.

    Attributes
    ----------
    logits : ndarray of shape (batch, seq_len, vocab_size)
    hidden_states, attentions
        As in `BaseModelOutput`.
    """

    logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None
