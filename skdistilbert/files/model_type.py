"""Which architectures load here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_model_type(config: Mapping[str, Any]) -> str:
    """Give the ``model_type`` of a ``config.json``, or raise ValueError if it can't be loaded.

    Files older than this field are told by BERT's name for the width.
    """
    by_width = "bert" if "hidden_size" in config and "dim" not in config else "distilbert"
    model_type = config.get("model_type", by_width)
    if model_type not in ("distilbert", "bert"):
        raise ValueError(
            f"model_type must be 'distilbert' or 'bert'; got {model_type!r:.99}. Checkpoints of "
            "other architectures can't be loaded."
        )
    return str(model_type)
