"""Names of weight files, and checks of the file names that a checkpoint contains."""

from __future__ import annotations

from pathlib import Path

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
MAX_NAME_BYTES = 255  # a longer name makes file systems raise an error


def is_plain_name(name: str) -> bool:
    """Return whether a name has no directory part and is valid on every platform."""
    fits = len(name.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES
    plain = Path(name).name == name and name not in ("", "..") and not set(name) & set("\\:\0")
    return fits and plain


def shard_names(index: Path) -> tuple[str, ...]:
    """Return the files that ``model.safetensors.index.json`` names, each once.

    Raises CheckpointError if the index is malformed or names files in other directories.
    """
    weight_map = read_json_object(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{index}: weight_map must be an object that names the shards.")
    names = tuple(dict.fromkeys(map(str, weight_map.values())))
    for name in names:
        if not is_plain_name(name) or not name.endswith(".safetensors"):
            raise CheckpointError(
                f"{index}: weight_map names {name!r:.99}; expected .safetensors files in the same "
                "directory."
            )
    return names
