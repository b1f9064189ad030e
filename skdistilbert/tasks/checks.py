"""Validate the arguments that several tasks have in common."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, TypeVar

from skdistilbert.models import DistilBertModel
from skdistilbert.models.inputs import check_vocabulary
from skdistilbert.tokenization import WordPieceTokenizer

if TYPE_CHECKING:
    from skdistilbert.checkpoint import DistilBertConfig

Model = TypeVar("Model", bound=DistilBertModel)


def check_model(
    model: object, tokenizer: WordPieceTokenizer, needed: type[Model], task: str
) -> Model:
    """Return the model if it has the class that the task needs and fits the tokenizer.

    Raises
    ------
    TypeError
        If the model or the tokenizer has another class.
    CheckpointError
        If the tokenizer belongs to another model.
    """
    if not isinstance(model, needed):
        checkpoint = "" if needed is DistilBertModel else ", from a checkpoint with this head"
        raise TypeError(
            f"{task} needs a {needed.__name__} as model; got {_describe(model)}. Load it with "
            f"load_model(path){checkpoint}."
        )
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise TypeError(
            f"{task} needs a WordPieceTokenizer as tokenizer; got {_describe(tokenizer)}. Load "
            "it with WordPieceTokenizer.from_pretrained(path)."
        )
    check_vocabulary(tokenizer, model.config)
    return model


def check_positive(name: str, value: object) -> None:
    """Raise ValueError unless `value` is an integer of at least 1."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")


def check_max_length(
    max_length: int | None, config: DistilBertConfig, tokenizer: WordPieceTokenizer | None = None
) -> int:
    """Return `max_length`, or its default if it is None.

    The default is the model's ``max_position_embeddings``, or the tokenizer's
    ``model_max_length`` if a tokenizer is given and this is less.
    """
    longest = config.max_position_embeddings
    if max_length is None:
        return min(longest, (tokenizer and tokenizer.model_max_length) or longest)
    if not isinstance(max_length, Integral) or not 2 <= max_length <= longest:
        raise ValueError(
            f"max_length must be an integer between 2, for [CLS] and [SEP], and {longest}, the "
            f"model's max_position_embeddings; got {max_length!r:.99}."
        )
    return max_length


def _describe(value: object) -> str:
    if isinstance(value, DistilBertModel):
        return type(value).__name__
    return f"{value!r:.99} of type {type(value).__name__}"
