"""`config.json`: the sizes and options of a DistilBERT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from math import inf
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from skdistilbert.checkpoint.config_fields import (
    BERT_FIELDS,
    DROPOUT,
    LAYER_NORM_EPS,
    OTHERS_FIELDS,
    read_fields,
)
from skdistilbert.checkpoint.module_files import LEGACY_POOLINGS
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files import locate_config
from skdistilbert.files.json_file import read_json_object
from skdistilbert.files.module_paths import transformer_directory

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

# The functions are in nn/activations.py.
Activation = Literal[
    "gelu",
    "gelu_python",
    "gelu_new",
    "gelu_pytorch_tanh",
    "gelu_python_tanh",
    "gelu_fast",
    "gelu_accurate",
    "relu",
    "silu",
    "swish",
    "tanh",
]
POOLINGS = (*LEGACY_POOLINGS.values(),)
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")


@dataclass(frozen=True)
class DistilBertConfig:
    """Sizes and options of a DistilBERT or BERT, named as in transformers' ``DistilBertConfig``.

    Parameters
    ----------
    vocab_size : int, default=30522
        Number of vocabulary entries.
    max_position_embeddings : int, default=512
        Maximum number of tokens of a text.
    sinusoidal_pos_embds : bool, default=False
        Use sines and cosines instead of trained position embeddings.
    n_layers : int, default=6
        Number of transformer layers.
    n_heads : int, default=12
        Attention heads per layer; must divide `dim`.
    dim : int, default=768
        Size of the hidden states.
    hidden_dim : int, default=3072
        Size of the feed-forward layer.
    dropout, attention_dropout : float, default=0.1
        Applied only during training.
    activation : str, default="gelu"
        "gelu", "relu", "silu", "tanh", or "gelu_new" for GELU's tanh approximation; transformers'
        other names of these functions are accepted, too.
    initializer_range : float, default=0.02
        Standard deviation of newly initialised weights; 0 means 0.02, as in transformers.
    qa_dropout : float, default=0.1
        Dropout that transformers applies before the head for question answering.
    seq_classif_dropout : float, default=0.2
        Dropout before the head, applied only during training. In the file of a BERT, it is
        ``classifier_dropout`` or, if this is missing, ``hidden_dropout_prob``.
    pad_token_id : int, default=0
        Not used by the network; null in a file becomes 0.
    layer_norm_eps : float, default=1e-12
        Added to variances by layer normalisation. Only BERT uses this value; DistilBERT always
        uses 1e-12, as in transformers.
    architectures : tuple of str, default=()
        The class that wrote the checkpoint.
    id2label : dict of int to str, default={0: "LABEL_0", 1: "LABEL_1"}
        Names of the head's outputs.
    problem_type : str or None, default=None
        "regression", "single_label_classification" or "multi_label_classification".
    tie_word_embeddings : bool, default=True
        The masked-LM head uses the word embeddings as its projection.
    output_hidden_states : bool, default=False
        sentence-transformers uses its module WeightedLayerPooling only if this is True.
    sklearn_classes : dict, default=None
        The labels of a saved estimator and their type. transformers ignores this field.
    sklearn_pooling : str, default="cls"
        The pooling of the hidden states that a head on texts reads. transformers ignores this
        field and always uses "cls".
    sklearn_pools_windows : bool, default=False
        Whether the head reads one vector for all windows of a long text, instead of one vector
        for each window.
    model_type : {"distilbert", "bert"}, default="distilbert"
        The architecture, which determines the names in the files and the head on texts.
    type_vocab_size : int, default=2
        Number of token types of a BERT; a DistilBERT has none.

    Raises
    ------
    ValueError
        If a value has the wrong type or size.

    Examples
    --------
    >>> from skdistilbert import DistilBertConfig
    >>> DistilBertConfig.from_pretrained("mini").dim
    192
    >>> DistilBertConfig(dim=100, n_heads=12)
    Traceback (most recent call last):
        ...
    ValueError: n_heads must divide dim; got n_heads=12 and dim=100.
    """

    vocab_size: int = 30522
    max_position_embeddings: int = 512
    sinusoidal_pos_embds: bool = False
    n_layers: int = 6
    n_heads: int = 12
    dim: int = 768
    hidden_dim: int = 3072
    dropout: float = DROPOUT
    attention_dropout: float = 0.1
    activation: Activation = "gelu"
    initializer_range: float = 0.02
    qa_dropout: float = 0.1
    seq_classif_dropout: float = 0.2
    pad_token_id: int = 0
    layer_norm_eps: float = LAYER_NORM_EPS
    architectures: tuple[str, ...] = ()
    id2label: Mapping[int, str] = field(default_factory=lambda: {0: "LABEL_0", 1: "LABEL_1"})
    problem_type: str | None = None
    tie_word_embeddings: bool = True
    output_hidden_states: bool = False
    sklearn_classes: Mapping[str, Any] | None = None
    sklearn_pooling: str = "cls"
    sklearn_pools_windows: bool = False
    model_type: Literal["distilbert", "bert"] = "distilbert"
    type_vocab_size: int = 2

    def __post_init__(self) -> None:
        """Validate every value."""
        vocabularies = ("vocab_size", "max_position_embeddings", "type_vocab_size")
        sizes = (*vocabularies, "n_heads", "dim", "hidden_dim")
        self._check(sizes, "an integer of at least 1", lambda x: type(x) is int and x >= 1)
        self._check(("n_layers",), "an integer of at least 0", lambda x: type(x) is int and x >= 0)
        self._check(("pad_token_id",), "an integer", lambda x: type(x) is int)
        rates = ("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout")
        self._check(rates, "a number from 0 to 1", lambda x: _is_number(x) and x <= 1)
        numbers = ("initializer_range", "layer_norm_eps")
        self._check(numbers, "a finite number of at least 0", _is_number)
        flags = ("sinusoidal_pos_embds", "tie_word_embeddings", "sklearn_pools_windows")
        self._check(flags, "True or False", lambda x: type(x) is bool)
        activations = get_args(Activation)
        self._check(("activation",), f"one of {activations}", lambda x: x in activations)
        self._check(("sklearn_pooling",), f"one of {POOLINGS}", POOLINGS.__contains__)
        model_types = ("distilbert", "bert")
        self._check(("model_type",), f"one of {model_types}", lambda x: x in model_types)
        types = (None, *PROBLEM_TYPES)
        self._check(("problem_type",), f"one of {types}", lambda x: x in types)
        if self.dim % self.n_heads:
            raise ValueError(
                f"n_heads must divide dim; got n_heads={self.n_heads} and dim={self.dim}."
            )
        _check_labels(self.id2label)

    def _check(
        self, names: tuple[str, ...], expected: str, is_valid: Callable[[Any], bool]
    ) -> None:
        for name in names:
            if not is_valid(value := getattr(self, name)):
                raise ValueError(f"{name} must be {expected}; got {value!r:.99}.")

    @property
    def num_labels(self) -> int:
        """The number of outputs of a classification head."""
        return len(self.id2label)

    @property
    def uses_token_types(self) -> bool:
        """Whether the two texts of a pair have different token types, as in BERT."""
        return self.model_type == "bert" and self.type_vocab_size > 1

    @property
    def label2id(self) -> dict[str, int]:
        """The output index of each label."""
        return {label: index for index, label in self.id2label.items()}

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str]) -> Self:
        """Read the ``config.json`` of a checkpoint.

        Parameters
        ----------
        path : str or path-like
            "mini", a directory or a name on the Hugging Face hub, as in `load_model`. Weights are
            not downloaded.

        Returns
        -------
        DistilBertConfig

        Raises
        ------
        CheckpointError
            If the file is missing or malformed, or has an invalid value or another architecture.
        HubError
            If the file cannot be downloaded.
        """
        return cls.from_file(transformer_directory(locate_config(path)) / "config.json")

    @classmethod
    def from_file(cls, file: Path) -> Self:
        """Read a ``config.json``.

        Parameters
        ----------
        file : Path
            The file, which may have any name.

        Returns
        -------
        DistilBertConfig

        Raises
        ------
        CheckpointError
            If the file is missing or not valid.
        """
        values = read_json_object(file)
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise CheckpointError(f"{file}: {error}") from None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return a configuration with the fields of a ``config.json`` of DistilBERT or BERT.

        Fields that the network does not use, such as ``transformers_version``, are ignored.

        Parameters
        ----------
        values : mapping of str to object
            The fields, as in the file.

        Returns
        -------
        DistilBertConfig

        Raises
        ------
        ValueError
            If ``model_type`` is not "distilbert" or "bert", a value is invalid, or a field asks
            for a network that this package does not have.

        Warns
        -----
        UserWarning
            If a DistilBERT has another ``layer_norm_eps`` than 1e-12.
        """
        values = read_fields(values)
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields of a ``config.json`` that transformers reads.

        Returns
        -------
        dict
            With values that JSON can contain.
        """
        values = asdict(self)
        for name in OTHERS_FIELDS[self.model_type]:
            del values[name]
        values["architectures"] = list(self.architectures)
        values["id2label"] = {str(index): label for index, label in self.id2label.items()}
        values["label2id"] = self.label2id
        for name in ("sklearn_classes", "sklearn_pooling", "sklearn_pools_windows"):
            if values[name] == getattr(DistilBertConfig, name):
                del values[name]
        if self.model_type == "bert":
            theirs = {ours: name for name, ours in BERT_FIELDS.items()}
            values = {theirs.get(name, name): value for name, value in values.items()}
        return values


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return type(value) in (int, float) and 0 <= value < inf


def _check_labels(labels: Mapping[int, str]) -> None:
    is_valid = isinstance(labels, Mapping) and all(type(index) is int for index in labels)
    if not is_valid or not labels or sorted(labels) != list(range(len(labels))):
        raise ValueError(
            "id2label must name the outputs 0 to n - 1 in a dict without gaps; got "
            f"{labels!r:.99}."
        )
    wrong = [label for label in labels.values() if not isinstance(label, str)]
    if wrong:
        raise ValueError(f"id2label: every label must be a string; got {wrong[0]!r:.99}.")
