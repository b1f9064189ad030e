"""DistilBertModel: the encoder without a task head, and the base class of the task models."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from skdistilbert.checkpoint import DistilBertConfig, read_checkpoint, write_checkpoint
from skdistilbert.checkpoint.mapped_file import check_unchanged
from skdistilbert.checkpoint.prompts import Prompts, read_prompts
from skdistilbert.checkpoint.sentence_modules import read_sentence_modules
from skdistilbert.exceptions import CheckpointError, warn_user
from skdistilbert.files import locate_checkpoint
from skdistilbert.models.inputs import check_padded, check_padded_types, check_ragged
from skdistilbert.models.outputs import BaseModelOutput
from skdistilbert.nn.inference import padded_hidden_states, padded_states, pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.weights import Encoder
from skdistilbert.tokenization import WordPieceTokenizer
from skdistilbert.tokenization.tokenizer_files import tokenizer_files

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.checkpoint import Checkpoint
    from skdistilbert.checkpoint.mapped_file import MappedFile
    from skdistilbert.checkpoint.sentence_modules import SentenceModules
    from skdistilbert.checkpoint.tensor_names import Head
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.nn.pooling import Pooling, Windows


class EncodedPadded(NamedTuple):
    """Output of the encoder on a padded batch."""

    states: BaseModelOutput
    visible: NDArray[np.bool_]  # (batch, seq_len): False for padding


class DistilBertModel:
    """The encoder of DistilBERT (Sanh et al., 2019) or BERT, from token ids to hidden states.

    The model computes in float32 on packed batches, so padding takes no time.

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

    head: ClassVar[Head | None] = None
    _directory: Path | None = None
    mapped: tuple[MappedFile, ...] = ()  # the memory-mapped files that hold the weights

    def __init__(self, config: DistilBertConfig, weights: Mapping[str, FloatArray]) -> None:
        self.config = config
        self.weights = weights

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        *,
        allow_non_finite: bool = False,
    ) -> Self:
        """Load a checkpoint as this class, with the parameters of `load_model`.

        Raises
        ------
        CheckpointError
            If a file or tensor is missing, unexpected or malformed, or the checkpoint has the head
            of another task.
        HubError
            If the model cannot be downloaded.

        Examples
        --------
        >>> from skdistilbert import DistilBertModel
        >>> DistilBertModel.from_pretrained("mini")
        DistilBertModel(n_layers=4, dim=192, n_heads=6, vocab_size=30522)
        """
        location = locate_checkpoint(path)
        checkpoint = read_checkpoint(
            location.directory,
            encoder_only=cls.head is None,
            allow_non_finite=allow_non_finite,
        )
        if cls.head is not None and checkpoint.head != cls.head:
            raise CheckpointError(
                f"{path}: {cls.__name__} needs a checkpoint with the head {cls.head!r}; this one "
                f"has {checkpoint.head or 'none'} (architectures: "
                f"{', '.join(checkpoint.config.architectures) or 'not stated'}). Use load_model "
                "to load it as the class of its task."
            )
        return cls.from_checkpoint(checkpoint)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """Return a model with the weights of a checkpoint that has been read."""
        model = cls(checkpoint.config, checkpoint.weights)
        model._directory, model.mapped = checkpoint.directory, checkpoint.mapped
        return model

    @cached_property
    def tokenizer(self) -> WordPieceTokenizer:
        """The tokenizer in the model's directory, which is loaded at its first use.

        Raises
        ------
        AttributeError
            If the model was not loaded from a checkpoint.
        CheckpointError
            If the directory has no tokenizer.
        """
        if self._directory is None:
            raise AttributeError(
                f"This {type(self).__name__} was not loaded from a checkpoint and therefore has "
                "no tokenizer. Pass one before the texts, such as that of the checkpoint of its "
                "encoder: WordPieceTokenizer.from_pretrained(path)."
            )
        return WordPieceTokenizer.from_pretrained(self._directory)

    def __getstate__(self) -> dict[str, Any]:
        # What was computed from the weights or read from the directory is not stored twice.
        derived = ("_encoder", "_head", "tokenizer")
        return {name: value for name, value in self.__dict__.items() if name not in derived}

    @cached_property
    def sentence_modules(self) -> SentenceModules | None:
        """The modules in ``modules.json`` of sentence-transformers; None without that file."""
        if self._directory is None:
            return None
        return read_sentence_modules(self._directory, self.config)

    @cached_property
    def prompts(self) -> Prompts:
        """The prompts in ``config_sentence_transformers.json``."""
        return read_prompts(self._directory) if self._directory else Prompts()

    def save_pretrained(
        self,
        directory: str | os.PathLike[str],
        tokenizer: WordPieceTokenizer | None = None,
    ) -> None:
        """Write a checkpoint for `load_model` and transformers.

        Weights are written in float32, also if they were read from float16 or bfloat16. Other
        files in the directory are kept.

        Parameters
        ----------
        directory : str or path-like
            Receives ``config.json`` and ``model.safetensors``. It is created if necessary.
        tokenizer : WordPieceTokenizer, default=None
            Also write ``vocab.txt`` and ``tokenizer_config.json``.

        Raises
        ------
        OSError
            If the files cannot be written. On Windows this includes files of a loaded model.
        CheckpointError
            If the file of the weights was overwritten after the model was loaded.

        Warns
        -----
        UserWarning
            If ``layer_norm_eps`` of a DistilBERT is not 1e-12. The saved model always uses 1e-12,
            here and in transformers, so its hidden states differ slightly.

        Notes
        -----
        A model that was loaded from a BERT is saved as a BERT. The first two token types are
        kept; row 0 of their table is zero because the position embeddings contain it.

        All files are written completely before the first one replaces an old file. A crash
        therefore leaves the old files or the new ones. If it happens while files are replaced,
        loading raises `CheckpointError` until the model is saved again. Temporary files of a
        killed process (``.saving-*``) are removed by the next save.
        """
        files: Mapping[str, bytes | None] = {}
        if tokenizer:
            files = tokenizer_files(tokenizer.__getstate__(), self.config.model_type)
        self.save_with_files(directory, files)

    def save_with_files(
        self, directory: str | os.PathLike[str], files: Mapping[str, bytes | None]
    ) -> None:
        """Write a checkpoint like `save_pretrained`, together with other files (None: removed)."""
        check_unchanged(self.mapped)
        eps, is_distilbert = self.config.layer_norm_eps, self.config.model_type == "distilbert"
        if is_distilbert and eps != DistilBertConfig.layer_norm_eps:
            warn_user(
                f"layer_norm_eps is {eps}, but a saved DistilBERT always "
                f"uses {DistilBertConfig.layer_norm_eps}, here and in transformers. Its hidden "
                "states will differ slightly from this model's."
            )
        write_checkpoint(directory, self.config, self.weights, self.head, files)

    def __repr__(self) -> str:
        config = self.config
        return (
            f"{type(self).__name__}(n_layers={config.n_layers}, dim={config.dim}, "
            f"n_heads={config.n_heads}, vocab_size={config.vocab_size})"
        )

    @property
    def encoder(self) -> Encoder:
        """The weights in the form that the functions of `nn` take.

        Every use checks the mapped files, so read this property once per call.

        Raises
        ------
        CheckpointError
            If the file of the weights was overwritten after the model was loaded.
        """
        check_unchanged(self.mapped)
        return self._encoder

    @cached_property
    def _encoder(self) -> Encoder:
        config = self.config
        return Encoder.from_tensors(
            self.weights,
            n_layers=config.n_layers,
            n_heads=config.n_heads,
            activation=config.activation,
            layer_norm_eps=config.layer_norm_eps,
        )

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
        Logits of tokens are zero at masked positions, and so are hidden states, except at the
        first position, which always has the state that it has in transformers because
        classification heads read it. With padding on the left, a sum or mean over positions
        therefore includes this state. Multiply by the mask before, or use `pooled`.
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
        """Return the last hidden states of texts, padded with zeros: (n_texts, longest, dim).

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            The token ids of each text.
        token_type_ids : list of lists of 0 and 1, or of integer ndarrays, default: all 0
            The token types of each text: 1 for tokens of the second text of a pair. DistilBERT
            has none.
        n_threads : int, default: the number of threads that BLAS may use
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
        """Return the pooled hidden states of each text: (n_texts, n_poolings * dim).

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
