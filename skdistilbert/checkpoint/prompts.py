"""`config_sentence_transformers.json`: prompts to put before texts (Reimers et al., 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SENTENCE_CONFIG_FILE = "config_sentence_transformers.json"
# In sentence-transformers, every model has these two; they are empty by default.
EMPTY_PROMPTS = {"query": "", "document": ""}


class Prompts(NamedTuple):
    """The prompts of a checkpoint by their names, and the name of the default prompt."""

    texts: Mapping[str, str] = EMPTY_PROMPTS
    default_name: str | None = None


def read_prompts(directory: Path) -> Prompts:
    """Read the prompts of a checkpoint directory.

    Raises
    ------
    CheckpointError
        If the file is malformed, or its default prompt does not exist.
    """
    file = directory / SENTENCE_CONFIG_FILE
    config = read_json_object(file) if file.is_file() else {}
    prompts: Any = config.get("prompts") or {}
    if not isinstance(prompts, dict):
        raise CheckpointError(f"{file}: prompts must be an object; got {prompts!r:.99}.")
    texts = EMPTY_PROMPTS | {name: "" if text is None else text for name, text in prompts.items()}
    for name, text in texts.items():
        if not isinstance(text, str):
            raise CheckpointError(f"{file}: prompt {name!r} must be a string; got {text!r:.99}.")
    default_name = config.get("default_prompt_name")
    if default_name is not None and default_name not in list(texts):
        raise CheckpointError(
            f"{file}: default_prompt_name must be one of {', '.join(map(repr, texts))}; "
            f"got {default_name!r:.99}."
        )
    return Prompts(texts, default_name)
