"""DistilBertModel: the encoder without a task head, and the base class of the task models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.models.inputs import check_padded, check_padded_types, check_ragged
from skdistilbert.models.model_base import ModelBase
from skdistilbert.models.outputs import BaseModelOutput
from skdistilbert.nn.inference import padded_hidden_states, padded_states, pooled_features
from skdistilbert.nn.packing import Ragged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.nn.pooling import Pooling, Windows


class EncodedPadded(NamedTuple):
    """Output of the encoder on a padded batch."""

    states: BaseModelOutput
    visible: NDArray[np.bool_]  # (batch, seq_len): False for padding


class DistilBertModel(ModelBase):
    """The encoder of DistilBERT (Sanh et al., 2019) or BERT, from token ids to hidden states.

    The model computes in float32 on packed batches, so padding takes no time. With
    ``precision="bfloat16"``, weights and hidden states are rounded before their products.

    Parameters
    ----------
    config : DistilBertConfig
        Sizes and options of the network.
    weights : mapping of str to float32 ndarray
        Tensors with the names of a Hugging Face DistilBERT file, without the prefix
        ``distilbert.``. A BERT also has ``embeddings.token_type_difference`` (dim,), the embedding
        of token type 1 minus that of type 0, which every position embedding contains.

    See Also
    --------
    load_model : Load a checkpoint as the class of its task.

    Examples
    --------
    >>> from skdistilbert import DistilBertModel
    >>> model = DistilBertModel.from_pretrained("mini")
    >>> input_ids = [[101, 2242, 2182, 102], [101, 2242, 102, 0]]
    >>> model(input_ids, attention_mask=[[1, 1, 1, 1], [1, 1, 1, 0]]).last_hidden_state.shape
    (2, 4, 192)
    """

    def __call__(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike | None = None,
        *,
        token_type_ids: ArrayLike | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> Any:  # noqa: ANN401 - each task model returns its own named tuple
        """Run the network on a padded batch.

        Parameters
        ----------
        input_ids : integer array-like of shape (batch, seq_len)
        attention_mask : array-like of shape (batch, seq_len), default: all ones
            Zero at padding and at other tokens that must not be attended to.
        token_type_ids : integer array-like of shape (batch, seq_len), default: all 0
            1 for tokens of the second text of a pair, if ``config.uses_token_types``.
        output_hidden_states, output_attentions : bool, default=False
            Also return the hidden states or attention probabilities of every layer.

        Returns
        -------
        BaseModelOutput, or the output class of the task model
            Float32 arrays in transformers' axis order.

        Raises
        ------
        ValueError
            If the shapes differ, an id is outside the vocabulary, the mask hides a whole row,
            ``seq_len`` exceeds ``max_position_embeddings``, or the model does not have a token
            type.

        Notes
        -----
        Logits of tokens and hidden states are zero at masked positions. The first position is an
        exception: its hidden state equals that of transformers even if it is masked, because
        classification heads read it. With padding on the left, a sum or mean over positions
        therefore includes this state. Multiply the states by the mask first, or use `pooled`.
        """
        encoded = self._encode_padded(
            input_ids, attention_mask, token_type_ids, output_hidden_states, output_attentions
        )
        with np.errstate(all="ignore"):  # torch does not warn about overflow either
            return self._with_head(encoded)

    def _with_head(self, encoded: EncodedPadded) -> Any:  # noqa: ANN401
        return encoded.states

    def _encode_padded(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike | None,
        token_type_ids: ArrayLike | None,
        output_hidden_states: bool,
        output_attentions: bool,
    ) -> EncodedPadded:
        ids, visible = check_padded(input_ids, attention_mask, self.config)
        types = check_padded_types(token_type_ids, ids.shape, self.config)
        texts, seq_len = Ragged.from_padded(ids, visible, types), ids.shape[1]
        if not (output_hidden_states or output_attentions):
            last = padded_hidden_states(self.encoder, texts, seq_len)
            return EncodedPadded(BaseModelOutput(last), visible)
        hidden_states, attentions = padded_states(self.encoder, texts, seq_len)
        states = BaseModelOutput(
            hidden_states[-1],
            tuple(hidden_states) if output_hidden_states else None,
            tuple(attentions) if output_attentions else None,
        )
        return EncodedPadded(states, visible)

    def hidden_states(
        self,
        input_ids: Sequence[TokenIds],
        *,
        token_type_ids: Sequence[TokenIds] | None = None,
        n_threads: int | None = None,
    ) -> FloatArray:
        """Compute the last hidden states of texts.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            The token ids of each text.
        token_type_ids : list of lists of 0 and 1, or of integer ndarrays, default: all 0
            The token types of each text: 1 for tokens of the second text of a pair. DistilBERT
            has no token types.
        n_threads : int, default: the number of threads that BLAS may use

        Returns
        -------
        float32 ndarray of shape (n_texts, seq_len, dim)
            `seq_len` is the length of the longest text. Padding is zero.

        Raises
        ------
        ValueError, TypeError
            If token ids or token types are not valid for the model.
        """
        texts = check_ragged(input_ids, self.config, token_type_ids)
        seq_len = int(texts.lengths.max(initial=0))
        return padded_hidden_states(self.encoder, texts, seq_len, n_threads)

    def pooled(
        self,
        input_ids: Sequence[TokenIds],
        pooling: Pooling | Sequence[Pooling],
        *,
        token_type_ids: Sequence[TokenIds] | None = None,
        n_threads: int | None = None,
        layers: Sequence[int] | None = None,
        layer_weights: Sequence[float] | None = None,
        n_skipped: int = 0,
        windows: Windows | None = None,
    ) -> FloatArray:
        """Compute the pooled hidden states of each text.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            The token ids of each text.
        pooling : {"cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"}
            As in `embed`. The vectors of several poolings are concatenated.
        token_type_ids : list of lists of 0 and 1, or of integer ndarrays, default: all 0
            As in `hidden_states`.
        n_threads : int, default: the number of threads that BLAS may use
        layers : list of int, default: the last layer
            Layers whose hidden states are averaged; 0 is the embeddings.
        layer_weights : list of float, default: equal weights
            The weight of each layer in the average; their sum is 1.
        n_skipped : int, default=0
            Number of tokens at the start of each text that are not pooled.
        windows : Windows, default=None
            The tokens to pool if the texts are windows of longer texts.

        Returns
        -------
        float32 ndarray of shape (n_texts, n_poolings * dim)

        Raises
        ------
        ValueError, TypeError
            If token ids or token types are not valid for the model.
        """
        return pooled_features(
            self.encoder,
            check_ragged(input_ids, self.config, token_type_ids),
            pooling,
            n_threads,
            layers=layers,
            layer_weights=layer_weights,
            n_skipped=n_skipped,
            windows=windows,
        )
