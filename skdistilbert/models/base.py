"""The encoder without a task head, and what all models share."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from skdistilbert.checkpoint import DistilBertConfig, read_checkpoint, write_checkpoint
from skdistilbert.checkpoint.mapped_file import check_unchanged
from skdistilbert.checkpoint.prompts import Prompts, read_prompts
from skdistilbert.checkpoint.sentence_modules import read_sentence_modules
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files import locate_checkpoint
from skdistilbert.models.inputs import check_padded, check_ragged
from skdistilbert.models.outputs import BaseModelOutput
from skdistilbert.nn.inference import padded_hidden_states, padded_states, pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.weights import Encoder
from skdistilbert.tokenization.tokenizer_files import tokenizer_files

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.checkpoint import Checkpoint
    from skdistilbert.checkpoint.mapped_file import MappedFile
    from skdistilbert.checkpoint.names import Head
    from skdistilbert.checkpoint.sentence_modules import SentenceModules
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float32]


class EncodedPadded(NamedTuple):
    """Output of the encoder on a padded batch, and which positions count."""

    states: BaseModelOutput
    visible: NDArray[np.bool_]  # (batch, seq_len)


class DistilBertModel:
    """DistilBERT's encoder (Sanh et al., 2019): token ids to hidden states.

    Computes in float32 on packed batches: hidden positions cost nothing.

    Parameters
    ----------
    config : DistilBertConfig
        Sizes and options of the network.
    weights : mapping of str to float32 ndarray
        Tensors named as in a Hugging Face DistilBERT file, without the prefix ``distilbert.``.

    See Also
    --------
    load_model : Picks the class that fits a checkpoint.

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
    mapped: tuple[MappedFile, ...] = ()  # the files of which weights are views

    def __init__(self, config: DistilBertConfig, weights: Mapping[str, FloatArray]) -> None:
        self.config = config
        self.weights = weights

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        *,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        allow_non_finite: bool = False,
    ) -> Self:
        """Load a checkpoint.

        Parameters
        ----------
        path : str or path-like
            "mini", which comes with this package; a directory with ``config.json`` and
            ``model.safetensors``; or a name on the Hugging Face hub, such as
            "distilbert/distilbert-base-uncased".
        revision : str, default=None
            Branch, tag or commit on the hub; None: its main branch.
        cache_dir : str or path-like, default=None
            The hub's cache; None: where ``HF_HUB_CACHE`` or ``HF_HOME`` say.
        local_files_only : bool, default=False
            Never use the network.
        allow_non_finite : bool, default=False
            Accept weights that are NaN or infinite.

        Raises
        ------
        CheckpointError
            If a file or tensor is missing, unexpected or malformed, or the checkpoint was made
            for another task.
        """
        location = locate_checkpoint(
            path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
        checkpoint = read_checkpoint(
            location.directory,
            encoder_only=cls.head is None,
            allow_non_finite=allow_non_finite,
        )
        if cls.head is not None and checkpoint.head != cls.head:
            raise CheckpointError(
                f"{path}: {cls.__name__} needs a checkpoint with the head {cls.head!r}; this one "
                f"has {checkpoint.head or 'none'} (architectures: "
                f"{', '.join(checkpoint.config.architectures) or 'not stated'})."
            )
        return cls.from_checkpoint(checkpoint)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> Self:
        """Build the model on a checkpoint that has been read."""
        model = cls(checkpoint.config, checkpoint.weights)
        model._directory, model.mapped = checkpoint.directory, checkpoint.mapped
        return model

    @cached_property
    def sentence_modules(self) -> SentenceModules | None:
        """What ``modules.json`` of sentence-transformers names, if the checkpoint has one."""
        if self._directory is None:
            return None
        return read_sentence_modules(self._directory, self.config.dim)

    @cached_property
    def prompts(self) -> Prompts:
        """What ``config_sentence_transformers.json`` wants before texts."""
        return read_prompts(self._directory) if self._directory else Prompts()

    def save_pretrained(
        self,
        directory: str | os.PathLike[str],
        tokenizer: WordPieceTokenizer | None = None,
    ) -> None:
        """Write a checkpoint that transformers, and `load_model`, load.

        The files take their places all at once: whatever happens, the directory holds either
        those of before or the new ones. Others in it stay. Weights are written in float32, also
        if they were read from float16 or bfloat16.

        Parameters
        ----------
        directory : str or path-like
            Made if it does not exist. Gets ``config.json`` and ``model.safetensors``.
        tokenizer : WordPieceTokenizer, default=None
            Also write ``vocab.txt`` and ``tokenizer_config.json``.

        Raises
        ------
        ValueError
            If the directory is the working directory or above it.
        OSError
            If it can't be written; on Windows also if a model that is in use was loaded from it.
        CheckpointError
            If the file that the model was loaded from was written to meanwhile.

        Warns
        -----
        UserWarning
            If ``layer_norm_eps`` is not the 1e-12 that transformers' DistilBERT always takes, as
            may be after a BERT was loaded: it computes slightly else there.

        Notes
        -----
        All is written to a hidden directory beside, which Linux and macOS exchange with this one
        in one step. Elsewhere two renamings are needed, and a crash just between them leaves the
        old directory whole under ``.<name>-saving-*/<name>-old``. What a killed process leaves
        there can be removed. A mounted volume, or a directory in one that may not be written,
        gets file after file instead, the weights last.
        """
        check_unchanged(self.mapped)
        if self.config.layer_norm_eps != DistilBertConfig.layer_norm_eps:
            warnings.warn(
                f"layer_norm_eps is {self.config.layer_norm_eps}; transformers' DistilBERT takes "
                f"{DistilBertConfig.layer_norm_eps} whatever is written, and gives slightly "
                "other numbers.",
                stacklevel=2,
            )
        files = tokenizer_files(tokenizer.__getstate__()) if tokenizer else {}
        write_checkpoint(directory, self.config, self.weights, self.head, files)

    def __repr__(self) -> str:
        config = self.config
        return (
            f"{type(self).__name__}(n_layers={config.n_layers}, dim={config.dim}, "
            f"n_heads={config.n_heads}, vocab_size={config.vocab_size})"
        )

    @property
    def encoder(self) -> Encoder:
        """The weights as the network takes them.

        Raises
        ------
        CheckpointError
            If their file was written to meanwhile.
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
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> Any:  # noqa: ANN401 - each head returns its own named tuple
        """Run the network on a padded batch.

        Parameters
        ----------
        input_ids : integer array-like of shape (batch, seq_len)
        attention_mask : array-like of shape (batch, seq_len), default: all ones
            Zero where a token is not to be seen, wherever that is.
        output_hidden_states, output_attentions : bool, default=False
            Also return those of every layer.

        Returns
        -------
        BaseModelOutput, or the output named after the head
            Float32 arrays in transformers' axis order, zero at hidden positions.

        Raises
        ------
        ValueError
            If shapes differ, an id is outside the vocabulary, a row is hidden as a whole, or
            ``seq_len`` exceeds the model's positions.
        """
        encoded = self._encode_padded(
            input_ids, attention_mask, output_hidden_states, output_attentions
        )
        with np.errstate(all="ignore"):  # what overflows does so in torch, too
            return self._with_head(encoded)

    def _with_head(self, encoded: EncodedPadded) -> Any:  # noqa: ANN401
        return encoded.states

    def _encode_padded(
        self,
        input_ids: ArrayLike,
        attention_mask: ArrayLike | None,
        output_hidden_states: bool,
        output_attentions: bool,
    ) -> EncodedPadded:
        ids, visible = check_padded(input_ids, attention_mask, self.config)
        texts, seq_len = Ragged.from_padded(ids, visible), ids.shape[1]
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
        self, input_ids: Sequence[TokenIds], *, n_threads: int | None = None
    ) -> FloatArray:
        """Last hidden states of texts of uneven lengths, zero after each text's end.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            Token ids, a list or an array of shape (n_tokens,) a text.
        n_threads : int, default: as many as BLAS may use

        Returns
        -------
        ndarray of shape (n_texts, longest, dim)
        """
        texts = check_ragged(input_ids, self.config)
        seq_len = int(texts.lengths.max(initial=0))
        return padded_hidden_states(self.encoder, texts, seq_len, n_threads)

    def pooled(
        self,
        input_ids: Sequence[TokenIds],
        pooling: Pooling,
        *,
        n_threads: int | None = None,
    ) -> FloatArray:
        """One vector a text: its last hidden states, pooled.

        Parameters
        ----------
        input_ids : list of lists of int, or of integer ndarrays
            Token ids, a list or an array of shape (n_tokens,) a text.
        pooling : {"cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"}
            As for `embed`.
        n_threads : int, default: as many as BLAS may use

        Returns
        -------
        ndarray of shape (n_texts, dim)
        """
        return pooled_features(
            self.encoder, check_ragged(input_ids, self.config), pooling, n_threads
        )
