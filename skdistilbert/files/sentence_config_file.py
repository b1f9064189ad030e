"""`sentence_bert_config.json`, the options that sentence-transformers stores with an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skdistilbert.files.json_file import read_json_object

if TYPE_CHECKING:
    from pathlib import Path

# sentence-transformers reads the first file that exists and is not empty.
SENTENCE_FILES = tuple(
    f"sentence_{name}_config.json"
    for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)


def read_sentence_file(directory: Path) -> tuple[Path, dict[str, Any]]:
    """Return the file and its options; an empty dict if there is no file."""
    for name in SENTENCE_FILES:
        file = directory / name
        if file.is_file() and (options := read_json_object(file)):
            return file, options
    return directory / SENTENCE_FILES[0], {}
