"""DistilBERT or BERT with each of the four task heads."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

import numpy as np

from skdistilbert.checkpoint.cross_encoder import read_score_activation
from skdistilbert.models.distilbert import DistilBertModel, EncodedPadded
from skdistilbert.models.inputs import check_ragged
from skdistilbert.models.outputs import (
    MaskedLMOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from skdistilbert.nn.functional import linear
from skdistilbert.nn.heads import MaskedLMHead, SequenceClassificationHead
from skdistilbert.nn.inference import token_outputs
from skdistilbert.nn.packing import PackedBatch
from skdistilbert.nn.pooling import pool
from skdistilbert.nn.runtime import single_threaded_blas
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skdistilbert.checkpoint.cross_encoder import ScoreActivation
    from skdistilbert.checkpoint.tensor_names import Head
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.nn.pooling import Pooling

Row = TypeVar("Row")


class DistilBertForSequenceClassification(DistilBertModel):
    """DistilBERT or BERT with a classification head on the first token.

    Parameters
    ----------
    config, weights
        As in `DistilBertModel`, with the tensors ``pre_classifier`` and ``classifier``. A BERT
        has ``pooler.dense`` with tanh instead of ``pre_classifier`` with ReLU.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from skdistilbert import DistilBertClassifier, DistilBertForSequenceClassification
    >>> classifier = DistilBertClassifier(pooling="cls", max_iter=1)
    >>> directory = mkdtemp()
    >>> classifier.fit(["so good", "so bad"], ["good", "bad"]).save_pretrained(directory)
    >>> model = DistilBertForSequenceClassification.from_pretrained(directory)
    >>> model([[101, 2204, 102]]).logits.shape
    (1, 2)
    """

    head: ClassVar[Head | None] = "sequence_classification"

    @cached_property
    def score_activation(self) -> ScoreActivation | None:
        """The activation of a cross-encoder's scores; None if no file states it."""
        return read_score_activation(self._directory) if self._directory else None

    @cached_property
    def _head(self) -> SequenceClassificationHead:
        return SequenceClassificationHead.from_tensors(self.weights)

    @property
    def _pooling(self) -> Pooling:
        return cast("Pooling", self.config.sklearn_pooling)

    def _with_head(self, encoded: EncodedPadded) -> SequenceClassifierOutput:
        _, hidden_states, attentions = encoded.states
        pooled = _pool_visible(encoded, self._pooling)
        return SequenceClassifierOutput(self._logits(pooled), hidden_states, attentions)

    def logits(
        self,
        input_ids: Sequence[TokenIds],
        *,
        token_type_ids: Sequence[TokenIds] | None = None,
        n_threads: int | None = None,
    ) -> FloatArray:
        """Compute the logits of texts from their token ids.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            The token ids of each text.
        token_type_ids : list of lists of 0 and 1, or of integer ndarrays, default: all 0
            The token types of each text, as in `hidden_states`.
        n_threads : int, default: the number of threads that BLAS may use

        Returns
        -------
        float32 ndarray of shape (n_texts, num_labels)

        Raises
        ------
        ValueError, TypeError
            If token ids or token types are not valid for the model.
        """
        pooled = self.pooled(
            input_ids, self._pooling, token_type_ids=token_type_ids, n_threads=n_threads
        )
        return self._logits(pooled)

    def _logits(self, pooled: FloatArray) -> FloatArray:
        columns = np.ascontiguousarray(pooled.T, np.float32)  # (dim, n_texts)
        with single_threaded_blas():
            return np.ascontiguousarray(self._head.logits(columns).T)


class DistilBertForTokenClassification(DistilBertModel):
    """DistilBERT or BERT with a classification head on every token.

    Parameters
    ----------
    config, weights
        As in `DistilBertModel`, with the tensor ``classifier``.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from skdistilbert import DistilBertForTokenClassification, DistilBertTokenClassifier
    >>> classifier = DistilBertTokenClassifier(max_iter=1)
    >>> directory = mkdtemp()
    >>> classifier.fit([["in", "London"]], [["O", "B-city"]]).save_pretrained(directory)
    >>> model = DistilBertForTokenClassification.from_pretrained(directory)
    >>> model([[101, 1999, 2414, 102]]).logits.shape
    (1, 4, 2)
    """

    head: ClassVar[Head | None] = "token_classification"

    def _with_head(self, encoded: EncodedPadded) -> TokenClassifierOutput:
        _, hidden_states, attentions = encoded.states
        classifier = Linear.from_tensors(self.weights, "classifier")
        logits = _at_visible(encoded, lambda hidden: linear(hidden, classifier))
        return TokenClassifierOutput(logits, hidden_states, attentions)

    def logits(
        self,
        input_ids: Sequence[TokenIds],
        *,
        token_type_ids: Sequence[TokenIds] | None = None,
        n_threads: int | None = None,
    ) -> list[FloatArray]:
        """Compute the logits of the tokens of each text.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            The token ids of each text.
        token_type_ids : list of lists of 0 and 1, or of integer ndarrays, default: all 0
            The token types of each text, as in `hidden_states`.
        n_threads : int, default: the number of threads that BLAS may use

        Returns
        -------
        list of float32 ndarrays of shape (seq_len, num_labels)

        Raises
        ------
        ValueError, TypeError
            If token ids or token types are not valid for the model.
        """
        return _logits_of_tokens(self, "classifier", input_ids, token_type_ids, n_threads)


class DistilBertForQuestionAnswering(DistilBertModel):
    """DistilBERT or BERT with a head that scores each token as start and end of the answer.

    Parameters
    ----------
    config, weights
        As in `DistilBertModel`, with the tensor ``qa_outputs``.

    Examples
    --------
    >>> from skdistilbert import DistilBertConfig, DistilBertForQuestionAnswering
    >>> config = DistilBertConfig(n_layers=2, dim=32, n_heads=4, hidden_dim=64)
    >>> model = DistilBertForQuestionAnswering.from_config(config, random_state=0)  # not trained
    >>> model([[101, 2073, 102, 2182, 102]]).start_logits.shape
    (1, 5)
    """

    head: ClassVar[Head | None] = "question_answering"

    def _with_head(self, encoded: EncodedPadded) -> QuestionAnsweringModelOutput:
        _, hidden_states, attentions = encoded.states
        qa_outputs = Linear.from_tensors(self.weights, "qa_outputs")
        logits = _at_visible(encoded, lambda hidden: linear(hidden, qa_outputs))
        start_logits, end_logits = np.ascontiguousarray(np.moveaxis(logits, -1, 0))
        return QuestionAnsweringModelOutput(start_logits, end_logits, hidden_states, attentions)

    def logits(
        self,
        input_ids: Sequence[TokenIds],
        *,
        token_type_ids: Sequence[TokenIds] | None = None,
        n_threads: int | None = None,
    ) -> list[FloatArray]:
        """Compute the logits of each token as the start and the end of the answer.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            The token ids of each text.
        token_type_ids : list of lists of 0 and 1, or of integer ndarrays, default: all 0
            The token types of each text, as in `hidden_states`.
        n_threads : int, default: the number of threads that BLAS may use

        Returns
        -------
        list of float32 ndarrays of shape (seq_len, 2)

        Raises
        ------
        ValueError, TypeError
            If token ids or token types are not valid for the model.
        """
        return _logits_of_tokens(self, "qa_outputs", input_ids, token_type_ids, n_threads)


class DistilBertForMaskedLM(DistilBertModel):
    """DistilBERT with the head that predicts masked tokens.

    Parameters
    ----------
    config, weights
        As in `DistilBertModel`, with the tensors ``vocab_transform``, ``vocab_layer_norm`` and
        ``vocab_projector``. The weight of ``vocab_projector`` usually equals the word embeddings.

    Examples
    --------
    >>> from skdistilbert import DistilBertConfig, DistilBertForMaskedLM
    >>> config = DistilBertConfig(n_layers=2, dim=32, n_heads=4, hidden_dim=64)
    >>> model = DistilBertForMaskedLM.from_config(config, random_state=0)  # not trained
    >>> model([[101, 2073, 103, 102]]).logits.shape
    (1, 4, 30522)
    """

    head: ClassVar[Head | None] = "masked_lm"

    @cached_property
    def _head(self) -> MaskedLMHead:
        config = self.config
        return MaskedLMHead.from_tensors(self.weights, config.activation, config.layer_norm_eps)

    def at_tokens(
        self,
        input_ids: Sequence[TokenIds],
        token_id: int,
        function: Callable[[FloatArray], list[Row]],
        *,
        n_threads: int | None = None,
    ) -> list[list[Row]]:
        """Return the results of a function on the logits at every occurrence of a token.

        The head is computed for these tokens only.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            The token ids of each text.
        token_id : int
            Usually the id of [MASK].
        function : callable
            Maps logits of shape (n_tokens, vocab_size) to a list with one result per token. It
            is called in several threads. The logits are not stored because they would fill
            the memory if there are many texts.
        n_threads : int, default: the number of threads that BLAS may use

        Returns
        -------
        list of lists
            The results of each text.

        Raises
        ------
        ValueError, TypeError
            If token ids are not valid for the model.
        """
        texts = check_ragged(input_ids, self.config)
        return token_outputs(
            self.encoder,
            texts,
            lambda hidden: function(np.ascontiguousarray(self._head.logits(hidden).T)),
            texts.input_ids == token_id,
            n_threads,
        )

    def _with_head(self, encoded: EncodedPadded) -> MaskedLMOutput:
        _, hidden_states, attentions = encoded.states
        logits = _at_visible(encoded, self._head.logits)
        return MaskedLMOutput(logits, hidden_states, attentions)


def _logits_of_tokens(
    model: DistilBertModel,
    layer: str,
    input_ids: Sequence[TokenIds],
    token_type_ids: Sequence[TokenIds] | None,
    n_threads: int | None,
) -> list[FloatArray]:
    """Apply a linear layer to every token and return (seq_len, n_outputs) for each text."""
    texts = check_ragged(input_ids, model.config, token_type_ids)
    weights = Linear.from_tensors(model.weights, layer)
    all_tokens = np.ones(len(texts.input_ids), bool)

    def head(hidden: FloatArray) -> FloatArray:
        return np.ascontiguousarray(linear(hidden, weights).T)

    return token_outputs(model.encoder, texts, head, all_tokens, n_threads)


def _pool_visible(encoded: EncodedPadded, pooling: Pooling) -> FloatArray:
    """Return the pooled states of the visible tokens of each text, (batch, dim)."""
    visible, states = encoded.visible, encoded.states.last_hidden_state
    if pooling == "cls" or not visible.size:
        return states[:, 0] if visible.size else np.zeros((0, states.shape[-1]), np.float32)
    texts, positions = np.arange(len(visible)), np.nonzero(visible)[1]
    batch = PackedBatch(texts, np.count_nonzero(visible, axis=1), positions, positions)
    return pool(np.ascontiguousarray(states[visible].T), batch, pooling)


def _at_visible(encoded: EncodedPadded, head: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return a head's logits (batch, seq_len, n_outputs), with zeros at masked positions."""
    hidden = encoded.states.last_hidden_state[encoded.visible].T  # (dim, n_tokens)
    packed = head(np.ascontiguousarray(hidden))  # (n_outputs, n_tokens)
    logits = np.zeros((*encoded.visible.shape, len(packed)), packed.dtype)
    logits[encoded.visible] = packed.T
    return logits
