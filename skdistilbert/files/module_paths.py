"""The directories that `modules.json` of sentence-transformers names."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.file_names import is_plain_name
from skdistilbert.files.json_file import parse_json

MODULES_FILE = "modules.json"


def is_inner_path(path: object) -> bool:
    """Return whether a value is "" or a path with plain names below its directory."""
    if not isinstance(path, str):
        return False
    parts = path.split("/")
    return path == "" or (not PureWindowsPath(path).anchor and all(map(is_plain_name, parts)))


def module_paths(directory: Path) -> tuple[str, ...]:
    """Return the path of each module relative to the directory; () if the file is not valid.

    The functions that read the modules validate the file and raise errors.
    """
    file = directory / MODULES_FILE
    if not file.is_file():  # reading a pipe would block
        return ()
    try:
        modules = parse_json(file.read_bytes(), MODULES_FILE)
    except (OSError, CheckpointError):
        return ()
    listed = modules if isinstance(modules, list) else []
    paths = [module.get("path") if isinstance(module, dict) else None for module in listed]
    return tuple(str(path) for path in paths if is_inner_path(path))


def transformer_directory(directory: Path) -> Path:
    """Return the directory of the encoder and its tokenizer, such as ``0_Transformer``.

    This is usually the directory itself.
    """
    first = next(iter(module_paths(directory)), "")
    inner = directory / first
    return inner if first and (inner / "config.json").is_file() else directory
