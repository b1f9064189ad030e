"""Checks of what is given to a task."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from skdistilbert.models import DistilBertModel

    Model = TypeVar("Model", bound=DistilBertModel)


def check_head(model: DistilBertModel, needed: type[Model], task: str) -> Model:
    """Give the model if it is of the class that the task needs, or raise TypeError."""
    if not isinstance(model, needed):
        raise TypeError(
            f"{task} needs a {needed.__name__}; got {type(model).__name__}. Load a checkpoint "
            f"that was fine-tuned for this task, with load_model or {needed.__name__}."
            "from_pretrained."
        )
    return model


def check_positive(name: str, value: object) -> None:
    """Raise ValueError unless `value` is an integer of at least 1."""
    if not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1; got {value!r}.")
