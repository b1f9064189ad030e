"""`config_sentence_transformers.json`: prompts to put before texts (Reimers et al., 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.files.json_file import check_value, read_json_object

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
    """Read the prompts of a directory; raise CheckpointError if they are malformed."""
    file = directory / SENTENCE_CONFIG_FILE
    config = read_json_object(file) if file.is_file() else {}
    prompts: Any = config.get("prompts") or {}
    check_value(isinstance(prompts, dict), file, "prompts", "an object", prompts)
    texts = EMPTY_PROMPTS | {name: "" if text is None else text for name, text in prompts.items()}
    for name, text in texts.items():
        check_value(isinstance(text, str), file, f"prompt {name!r}", "a string", text)
    default_name = config.get("default_prompt_name")
    names = [None, *texts]
    expected = f"one of {', '.join(map(repr, texts))}"
    check_value(default_name in names, file, "default_prompt_name", expected, default_name)
    return Prompts(texts, default_name)
