"""Results of the models, with the field names of transformers.

All arrays are float32. Positions that the attention mask hides are zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]


class BaseModelOutput(NamedTuple):
    """Result of `DistilBertModel`.

    Attributes
    ----------
    last_hidden_state : ndarray of shape (batch, seq_len, dim)
    hidden_states : tuple of n_layers + 1 ndarrays of shape (batch, seq_len, dim), or None
        Output of the embeddings, then of each layer; if asked for.
    attentions : tuple of n_layers ndarrays of shape (batch, n_heads, seq_len, seq_len), or None
        Attention probabilities, a row a query; if asked for.
    """

    last_hidden_state: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class SequenceClassifierOutput(NamedTuple):
    """Result of `DistilBertForSequenceClassification`.

    Attributes
    ----------
    logits : ndarray of shape (batch, num_labels)
    hidden_states, attentions : as in `BaseModelOutput`
    """

    logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class TokenClassifierOutput(NamedTuple):
    """Result of `DistilBertForTokenClassification`.

    Attributes
    ----------
    logits : ndarray of shape (batch, seq_len, num_labels)
    hidden_states, attentions : as in `BaseModelOutput`
    """

    logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class QuestionAnsweringModelOutput(NamedTuple):
    """Result of `DistilBertForQuestionAnswering`.

    Attributes
    ----------
    start_logits, end_logits : ndarray of shape (batch, seq_len)
    hidden_states, attentions : as in `BaseModelOutput`
    """

    start_logits: FloatArray
    end_logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None


class MaskedLMOutput(NamedTuple):
    """Result of `DistilBertForMaskedLM`.

    Attributes
    ----------
    logits : ndarray of shape (batch, seq_len, vocab_size)
    hidden_states, attentions : as in `BaseModelOutput`
    """

    logits: FloatArray
    hidden_states: tuple[FloatArray, ...] | None = None
    attentions: tuple[FloatArray, ...] | None = None
