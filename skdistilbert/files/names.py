"""Names of the files of a checkpoint, and the names that these files give to others."""

from __future__ import annotations

from pathlib import Path

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
# What file systems allow, in bytes; beyond, asking for a file is an error rather than "no".
LONGEST_NAME = 255


def is_plain_name(name: str) -> bool:
    """Tell whether a name is that of a file or directory beside, on every platform."""
    fits = len(name.encode("utf-8", "surrogatepass")) <= LONGEST_NAME
    stays = Path(name).name == name and name not in ("", "..") and not set(name) & set("\\:\0")
    return fits and stays


def shard_names(index: Path) -> tuple[str, ...]:
    """Give the files that ``model.safetensors.index.json`` names, each once.

    Raises
    ------
    CheckpointError
        If it is malformed, or names anything but .safetensors files beside it.
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
