"""Validate the arguments that several tasks have in common."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

from skdistilbert.models import DistilBertModel
from skdistilbert.models.inputs import check_vocabulary
from skdistilbert.number_checks import is_integer
from skdistilbert.tokenization import WordPieceTokenizer

if TYPE_CHECKING:
    from skdistilbert.checkpoint import DistilBertConfig

Model = TypeVar("Model", bound=DistilBertModel)
# A loaded model, a directory, "mini", or a name on the Hugging Face hub.
ModelOrPath = DistilBertModel | str | os.PathLike[str]


def load_inputs(
    task: str,
    needed: type[Model],
    model: object,
    tokenizer: object,
    *inputs: object,
) -> tuple[Model, WordPieceTokenizer, *tuple[Any, ...]]:
    """Return the model, its tokenizer and the inputs of a task; load the model if it is a name.

    ``task(model, texts)`` binds the texts to the parameter `tokenizer` and None to `texts`.

    Raises
    ------
    TypeError
        If the model or the tokenizer does not have the class that the task needs.
    CheckpointError
        If the checkpoint cannot be loaded or does not have the head that the task needs, or the
        tokenizer belongs to another model.
    AttributeError
        If no tokenizer is given, and the model was not loaded from a checkpoint.
    """
    if not (tokenizer is None or isinstance(tokenizer, WordPieceTokenizer)):
        inputs, tokenizer = _with_first_input(tokenizer, inputs), None
    if isinstance(model, str | os.PathLike):
        model = needed.from_pretrained(model)
    if not isinstance(model, needed):
        raise TypeError(
            f"{task} needs a {needed.__name__} as model; got {_describe(model)}. "
            + _how_to_get_a_model(model, needed)
        )
    if tokenizer is None:
        tokenizer = model.tokenizer
    check_vocabulary(tokenizer, model.config)
    return model, tokenizer, *inputs


def _with_first_input(first: object, others: tuple[object, ...]) -> tuple[object, ...]:
    """Return the inputs of a task that was called without tokenizer."""
    for index, value in enumerate(others):
        if value is None:
            return (first, *others[:index], *others[index + 1 :])
    raise TypeError(
        f"tokenizer must be a WordPieceTokenizer; got {_describe(first)}. Leave the tokenizer "
        "out to use the model's, or load one with WordPieceTokenizer.from_pretrained(path). "
        "Arguments after the texts are keywords."
    )


def check_max_length(
    max_length: int | None, config: DistilBertConfig, tokenizer: WordPieceTokenizer
) -> int:
    """Return `max_length`, or its default if it is None.

    The default is the model's ``max_position_embeddings``, or the tokenizer's
    ``model_max_length`` if this is less.
    """
    longest = config.max_position_embeddings
    if max_length is None:
        return min(longest, tokenizer.model_max_length or longest)
    if not is_integer(max_length) or not 2 <= max_length <= longest:
        raise ValueError(
            f"max_length must be an integer between 2, for [CLS] and [SEP], and {longest}, the "
            f"model's max_position_embeddings; got {max_length!r}."
        )
    return max_length


def window_room(max_length: int, n_prompt: int = 0) -> int:
    """Return the number of tokens of a text in a window; raise ValueError if it is below 1."""
    room = max_length - 2 - n_prompt
    if room < 1:
        prompt = f"{n_prompt} tokens of the prompt, " if n_prompt else ""
        raise ValueError(
            f"max_length must be at least {3 + n_prompt} for windows of long texts, which have "
            f"[CLS], {prompt}a token of the text and [SEP]; got {max_length}."
        )
    return room


def _how_to_get_a_model(model: object, needed: type[DistilBertModel]) -> str:
    if hasattr(model, "fit") and hasattr(model, "save_pretrained"):
        return "Save the estimator with save_pretrained(directory), and pass the directory."
    checkpoint = "a checkpoint" if needed is DistilBertModel else "a checkpoint with this head"
    return (
        f"Pass the directory or hub name of {checkpoint} before the other arguments, or the "
        "result of load_model(path)."
    )


def _describe(value: object) -> str:
    if isinstance(value, DistilBertModel):
        return type(value).__name__
    return f"{value!r:.99} of type {type(value).__name__}"
