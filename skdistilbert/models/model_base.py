"""Base class of all models: configuration and weights, from and to the files of a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from skdistilbert.checkpoint import DistilBertConfig, read_checkpoint, write_checkpoint
from skdistilbert.checkpoint.mapped_file import check_unchanged
from skdistilbert.checkpoint.prompts import Prompts, read_prompts
from skdistilbert.checkpoint.sentence_modules import read_sentence_modules
from skdistilbert.exceptions import CheckpointError, warn_user
from skdistilbert.files import locate_checkpoint
from skdistilbert.models.initial_weights import initial_weights
from skdistilbert.models.inputs import check_vocabulary
from skdistilbert.nn.runtime import check_precision
from skdistilbert.nn.weights import Encoder
from skdistilbert.tokenization import WordPieceTokenizer
from skdistilbert.tokenization.tokenizer_files import tokenizer_files

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.random import RandomState

    from skdistilbert.checkpoint import Checkpoint
    from skdistilbert.checkpoint.mapped_file import MappedFile
    from skdistilbert.checkpoint.sentence_modules import SentenceModules
    from skdistilbert.checkpoint.tensor_names import Head
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.runtime import Precision


class ModelBase:
    """Configuration and weights of a model, and the directory that they come from."""

    head: ClassVar[Head | None] = None
    _directory: Path | None = None
    precision: Precision = "float32"  # see `load_model`
    mapped: tuple[MappedFile, ...] = ()  # the memory-mapped files that hold the weights

    def __init__(self, config: DistilBertConfig, weights: Mapping[str, FloatArray]) -> None:
        self.config = config
        self.weights = weights

    @classmethod
    def from_config(
        cls, config: DistilBertConfig, *, random_state: int | RandomState | None = None
    ) -> Self:
        """Return a model with random weights, to train from scratch.

        Parameters
        ----------
        config : DistilBertConfig
            For a new `tokenizer`, set ``vocab_size=tokenizer.vocab_size``.
        random_state : int, RandomState or None, default=None
            Seed of the weights. None: new weights in each call.

        Returns
        -------
        DistilBertModel
            An instance of the class whose method is called. The weights have the distribution of
            a new model of transformers: normal with a standard deviation of ``initializer_range``
            in linear layers and embeddings, zero in biases and in the embedding of [PAD], and one
            in the gains of layer normalisations. ``sinusoidal_pos_embds`` and
            ``tie_word_embeddings`` apply.

        Raises
        ------
        TypeError, ValueError
            If `config` or `random_state` is not valid, or ``pad_token_id`` is not in the
            vocabulary.

        Examples
        --------
        Save the model with a tokenizer. Then estimators, `load_model` and transformers load the
        directory.

        >>> from tempfile import mkdtemp
        >>> from skdistilbert import DistilBertClassifier, DistilBertConfig, DistilBertModel
        >>> from skdistilbert import WordPieceTokenizer
        >>> texts, directory = ["red ball", "green tree", "red car", "green car"], mkdtemp()
        >>> tokenizer = WordPieceTokenizer.train(texts, min_frequency=1)
        >>> config = DistilBertConfig(
        ...     vocab_size=tokenizer.vocab_size, n_layers=2, dim=32, n_heads=4, hidden_dim=64
        ... )
        >>> model = DistilBertModel.from_config(config, random_state=0)
        >>> model.save_pretrained(directory, tokenizer)
        >>> classifier = DistilBertClassifier(directory, trainable_layers="all", random_state=0)
        >>> classifier.fit(texts, ["red", "green", "red", "green"]).predict(["red tree"])
        array(['red'], dtype='<U5')
        """
        weights = initial_weights(config, cls.head, random_state)
        # The network has at most two token types.
        return cls(replace(config, type_vocab_size=min(config.type_vocab_size, 2)), weights)

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        *,
        precision: Precision = "float32",
        allow_non_finite: bool = False,
    ) -> Self:
        """Load a checkpoint as this class.

        Parameters
        ----------
        path : str or path-like
            As in `load_model`.
        precision : {"float32", "bfloat16"}, default="float32"
            As in `load_model`.
        allow_non_finite : bool, default=False
            Accept NaN and infinite weights.

        Returns
        -------
        DistilBertModel
            An instance of the class whose method is called.

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
        check_precision(precision)
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
                f"{', '.join(checkpoint.config.architectures) or 'not stated'}). Choose a "
                "checkpoint that was fine-tuned for this task, or load this one with load_model "
                "as the class of its own task."
            )
        return cls.from_checkpoint(checkpoint, precision)

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint, precision: Precision = "float32") -> Self:
        """Return a model with the weights of a checkpoint that has been read.

        Parameters
        ----------
        checkpoint : Checkpoint
            The configuration, the weights and their files.
        precision : {"float32", "bfloat16"}, default="float32"
            As in `load_model`.

        Returns
        -------
        DistilBertModel
            An instance of the class whose method is called.
        """
        model = cls(checkpoint.config, checkpoint.weights)
        model.precision = precision
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
                "no tokenizer. Pass a tokenizer before the texts, such as the tokenizer of its "
                "encoder's checkpoint: WordPieceTokenizer.from_pretrained(path)."
            )
        return WordPieceTokenizer.from_pretrained(self._directory)

    def __getstate__(self) -> dict[str, Any]:
        # These attributes are computed from the weights or read from the directory again.
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

        Weights are written in float32, even if they were read from float16 or bfloat16. Other
        files in the directory are kept, except for the model card of an estimator.

        Parameters
        ----------
        directory : str or path-like
            Directory for ``config.json`` and ``model.safetensors``. It is created if necessary.
        tokenizer : WordPieceTokenizer, default=None
            Also write ``vocab.txt`` and ``tokenizer_config.json``.

        Raises
        ------
        OSError
            If the files cannot be written. On Windows this includes files of a loaded model.
        CheckpointError
            If the file of the weights was overwritten after the model was loaded, or the model has
            no embedding for a token id of the tokenizer.
        TypeError
            If `tokenizer` is not a `WordPieceTokenizer`.

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
        therefore leaves the old files or the new ones. After a crash while files are replaced,
        loading raises `CheckpointError` until the model is saved again. The next save removes the
        temporary files of a killed process (``.saving-*``).
        """
        files: Mapping[str, bytes | None] = {}
        if tokenizer is not None:
            self._check_tokenizer(tokenizer)
            files = tokenizer_files(tokenizer.__getstate__(), self.config.model_type)
        self.save_with_files(directory, files)

    def _check_tokenizer(self, tokenizer: object) -> None:
        if not isinstance(tokenizer, WordPieceTokenizer):
            raise TypeError(
                f"tokenizer must be a WordPieceTokenizer or None; got {tokenizer!r:.99}. Load it "
                "with WordPieceTokenizer.from_pretrained(path)."
            )
        check_vocabulary(tokenizer, self.config)

    def save_with_files(
        self, directory: str | os.PathLike[str], files: Mapping[str, bytes | None]
    ) -> None:
        """Write a checkpoint like `save_pretrained`, together with other files.

        Parameters
        ----------
        directory : str or path-like
            As in `save_pretrained`.
        files : mapping of str to bytes or None
            The content of each other file. A file whose content is None is removed.

        Raises
        ------
        OSError, CheckpointError
            As in `save_pretrained`.
        """
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
        return self._encoder.in_precision(self.precision)

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
