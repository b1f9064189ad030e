"""The architectures that this package loads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_model_type(config: Mapping[str, Any]) -> str:
    """Return the ``model_type`` of a ``config.json``; raise ValueError if it is not supported.

    In files without this field, BERT's name for the hidden size identifies a BERT.
    """
    default = "bert" if "hidden_size" in config and "dim" not in config else "distilbert"
    model_type = config.get("model_type", default)
    if model_type not in ("distilbert", "bert"):
        raise ValueError(
            f"model_type must be 'distilbert' or 'bert'; got {model_type!r:.99}. Checkpoints of "
            "other architectures cannot be loaded."
        )
    return str(model_type)
