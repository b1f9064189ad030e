"""`config.json`: the sizes and options of a DistilBERT."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object
from skdistilbert.files.model_type import check_model_type

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

# What `model_type: bert` calls the same things.
BERT_FIELDS = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
}
# Those of them that transformers takes in a file of `model_type: distilbert`, too; they win.
ALIASES = ("hidden_size", "num_hidden_layers", "num_attention_heads")
# Options of BERT under which its encoder is no DistilBERT, and the values under which it is.
BERT_FIXED: dict[str, Any] = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
}
PROBLEM_TYPES = (
    None,
    "regression",
    "single_label_classification",
    "multi_label_classification",
)


@dataclass(frozen=True)
class DistilBertConfig:
    """Sizes and options of a DistilBERT, named as in transformers' ``DistilBertConfig``.

    Parameters
    ----------
    vocab_size : int, default=30522
        Entries of the vocabulary.
    max_position_embeddings : int, default=512
        Tokens a text may have.
    sinusoidal_pos_embds : bool, default=False
        Positions are sines and cosines rather than learnt.
    n_layers : int, default=6
    n_heads : int, default=12
        Attention heads a layer; divides `dim`.
    dim : int, default=768
        Width of the hidden states.
    hidden_dim : int, default=3072
        Width of the feed-forward network.
    dropout, attention_dropout : float, default=0.1
        Used in training only.
    activation : {"gelu", "relu"}, default="gelu"
    initializer_range : float, default=0.02
        Standard deviation of fresh weights.
    qa_dropout : float, default=0.1
    seq_classif_dropout : float, default=0.2
        Dropout before the head, used in training only.
    pad_token_id : int, default=0
        No network reads it; null in a file is 0 here.
    layer_norm_eps : float, default=1e-12
        Fixed in transformers' DistilBERT; BERT files may have another.
    architectures : tuple of str, default=()
        Class that wrote the checkpoint.
    id2label : dict of int to str, default={0: "LABEL_0", 1: "LABEL_1"}
        Names of a head's outputs.
    problem_type : str or None, default=None
        "regression", "single_label_classification" or "multi_label_classification".
    tie_word_embeddings : bool, default=True
        The masked-LM head projects with the word embeddings.

    Raises
    ------
    ValueError
        If a value is of the wrong type or size; the message names it.

    Examples
    --------
    >>> from skdistilbert import DistilBertConfig
    >>> DistilBertConfig.from_pretrained("distilbert-tiny").dim
    32
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
    dropout: float = 0.1
    attention_dropout: float = 0.1
    activation: Literal["gelu", "relu"] = "gelu"
    initializer_range: float = 0.02
    qa_dropout: float = 0.1
    seq_classif_dropout: float = 0.2
    pad_token_id: int = 0
    layer_norm_eps: float = 1e-12
    architectures: tuple[str, ...] = ()
    id2label: Mapping[int, str] = field(default_factory=lambda: {0: "LABEL_0", 1: "LABEL_1"})
    problem_type: str | None = None
    tie_word_embeddings: bool = True

    def __post_init__(self) -> None:
        """Check every value."""
        for name in ("vocab_size", "max_position_embeddings", "n_heads", "dim", "hidden_dim"):
            self._check_integer(name, minimum=1)
        self._check_integer("n_layers", minimum=0)
        self._check_integer("pad_token_id", minimum=0)
        for name in ("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout"):
            self._check_number(name, maximum=1)
        self._check_number("initializer_range")
        self._check_number("layer_norm_eps")
        for name in ("sinusoidal_pos_embds", "tie_word_embeddings"):
            self._check_one_of(name, (True, False))
        self._check_one_of("activation", ("gelu", "relu"))
        self._check_one_of("problem_type", PROBLEM_TYPES)
        if self.dim % self.n_heads:
            raise ValueError(
                f"n_heads must divide dim; got n_heads={self.n_heads} and dim={self.dim}."
            )
        _check_labels(self.id2label)

    def _check_integer(self, name: str, minimum: int) -> None:
        value = getattr(self, name)
        if type(value) is not int or value < minimum:
            raise ValueError(
                f"{name} must be an integer of at least {minimum}; got {value!r:.99}."
            )

    def _check_number(self, name: str, maximum: float = float("inf")) -> None:
        value = getattr(self, name)
        if type(value) not in (int, float) or not 0 <= value <= maximum:
            raise ValueError(f"{name} must be a number from 0 to {maximum}; got {value!r:.99}.")

    def _check_one_of(self, name: str, allowed: tuple[object, ...]) -> None:
        value = getattr(self, name)
        if not any(value is one or (type(value) is str and value == one) for one in allowed):
            raise ValueError(f"{name} must be one of {allowed}; got {value!r:.99}.")

    @property
    def num_labels(self) -> int:
        """Outputs of a classification head."""
        return len(self.id2label)

    @property
    def label2id(self) -> dict[str, int]:
        """The output that each label stands for."""
        return {label: index for index, label in self.id2label.items()}

    @classmethod
    def from_pretrained(cls, path: str | os.PathLike[str]) -> Self:
        """Read ``config.json`` from a checkpoint directory.

        Raises
        ------
        CheckpointError
            If the file is missing or malformed, of another architecture, or a value is not valid.
        """
        file = Path(path) / "config.json"
        values = read_json_object(file)
        try:
            return cls.from_dict(values)
        except ValueError as error:
            raise CheckpointError(f"{file}: {error}") from None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Take the fields of a ``config.json`` of ``model_type`` distilbert or bert.

        Keys that have no meaning for the network, such as ``transformers_version``, are left.

        Raises
        ------
        ValueError
            If ``model_type`` is another, or a value is not valid.
        """
        if check_model_type(values) == "bert":
            values = _from_bert(values)
        else:
            aliased = {BERT_FIELDS[name]: values[name] for name in ALIASES if name in values}
            values = {**values, **aliased}
        if values.get("pad_token_id") is None:
            values.pop("pad_token_id", None)
        values["architectures"] = _architectures(values.get("architectures"))
        values["id2label"] = _labels(values)
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        """Give the fields of a ``config.json`` that transformers reads."""
        values = asdict(self)
        values["architectures"] = list(self.architectures)
        values["id2label"] = {str(index): label for index, label in self.id2label.items()}
        values["label2id"] = self.label2id
        return {"model_type": "distilbert", **values}


def _from_bert(values: Mapping[str, Any]) -> dict[str, Any]:
    for name, needed in BERT_FIXED.items():
        if (got := values.get(name, needed)) != needed:
            raise ValueError(f"{name} must be {needed!r} for a BERT encoder; got {got!r:.99}.")
    named = {BERT_FIELDS.get(name, name): value for name, value in values.items()}
    if values.get("classifier_dropout") is not None:
        named["seq_classif_dropout"] = values["classifier_dropout"]
    return named


def _architectures(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"architectures must be a list of names; got {value!r:.99}.")
    return tuple(value)


def _labels(values: Mapping[str, Any]) -> dict[int, Any]:
    labels = values.get("id2label")
    if labels is None:
        n_labels = values.get("num_labels", 2)
        if type(n_labels) is not int or not 1 <= n_labels <= 1_000_000:
            raise ValueError(f"num_labels must be a positive integer; got {n_labels!r:.99}.")
        return {index: f"LABEL_{index}" for index in range(n_labels)}
    if not isinstance(labels, dict):
        raise ValueError(f"id2label must be an object; got {labels!r:.99}.")
    try:
        return {int(index): _as_label(label) for index, label in labels.items()}
    except ValueError as error:
        raise ValueError(f"id2label: every key must be an integer ({error}).") from None


def _as_label(value: object) -> object:
    """Give a number's text: transformers takes labels that are numbers, here they are names."""
    return str(value) if type(value) in (int, float) else value


def _check_labels(labels: Mapping[int, str]) -> None:
    if sorted(labels) != list(range(len(labels))) or not labels:
        raise ValueError(
            f"id2label must name the outputs 0 to n - 1 without a gap; got {sorted(labels)[:10]}."
        )
    wrong = [label for label in labels.values() if not isinstance(label, str)]
    if wrong:
        raise ValueError(f"id2label: every label must be a string; got {wrong[0]!r:.99}.")
