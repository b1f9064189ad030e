"""Names of weight files, and checks of the file names that a checkpoint contains."""

from __future__ import annotations

from pathlib import Path

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
# The files that are read in addition to weights.
SMALL_FILES = (
    "config.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "adapter_config.json",
    INDEX_FILE,
    "modules.json",
    "sentence_*_config.json",
    "config_sentence_transformers.json",
)
# The same in the directory of a sentence-transformers module, which may have weights.
MODULE_FILES = (*SMALL_FILES, WEIGHTS_FILE)
PICKLES = ("pytorch_model*.bin", "tf_model*.h5", "flax_model*.msgpack")
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


def find_weights(directory: Path) -> tuple[Path, ...]:
    """Return the weight file of a directory or its shards; raise CheckpointError if none exist."""
    if (directory / WEIGHTS_FILE).is_file():
        return (directory / WEIGHTS_FILE,)
    if (directory / INDEX_FILE).is_file():
        shards = tuple(directory / name for name in shard_names(directory / INDEX_FILE))
        missing = [shard.name for shard in shards if not shard.is_file()]
        if missing:
            raise CheckpointError(
                f"{directory} lacks {len(missing)} of the {len(shards)} shards that {INDEX_FILE} "
                f"names, such as {missing[0]!r:.99}. Copy or download them."
            )
        return shards
    single = directory / WEIGHTS_FILE
    raise CheckpointError(f"{single} does not exist{_other_weights(directory)}")


def _other_weights(directory: Path) -> str:
    """Return the rest of a sentence about the weights that a directory has, with the remedy."""
    if shards := _files(directory, "*-of-*.safetensors"):
        return (
            f". The directory has shards such as {shards[0]!r:.99} without their index "
            f"{INDEX_FILE}. Copy or download this file, too."
        )
    if others := _files(directory, "*.safetensors"):
        return (
            f", but {others[0]!r:.99}. If this file has the weights, rename it to {WEIGHTS_FILE}."
        )
    if others := [name for pattern in PICKLES for name in _files(directory, pattern)]:
        return (
            f", but {others[0]!r:.99}. Pickles are never read, because they can run any code, and "
            "other formats neither. Convert it once, where transformers is installed, with "
            "AutoModel.from_pretrained(directory).save_pretrained(new)."
        )
    if inner := _files(directory, f"*/{WEIGHTS_FILE}"):
        return f", but {inner[0]!r:.99}. Give the path of that directory."
    return f", and {INDEX_FILE} does not exist either. Copy or download the weights."


def _files(directory: Path, pattern: str) -> list[str]:
    found = sorted(file for file in directory.glob(pattern) if file.is_file())
    return [file.relative_to(directory).as_posix() for file in found]
