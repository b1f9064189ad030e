"""JSON files from strangers: read whole, as an object, or refused by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from skdistilbert.exceptions import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file whose top level is an object.

    Raises
    ------
    CheckpointError
        If the file is missing, not UTF-8, not JSON (NaN and Infinity are not), nested beyond
        Python's limit, names a key twice, or holds no object.
    """
    if not file.is_file():  # reading a pipe would wait for ever
        raise CheckpointError(
            f"{file} does not exist; a checkpoint directory needs it. Is {file.parent} the "
            "directory that save_pretrained wrote?"
        )
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{file}: is not UTF-8 ({error}).") from None
    return parse_json_object(text, str(file))


def parse_json_object(text: str | bytes, name: str) -> dict[str, Any]:
    """Parse a JSON object; `name` says in errors where it stands."""
    value = parse_json(text, name)
    if not isinstance(value, dict):
        raise CheckpointError(f"{name}: must hold an object, got {type(value).__name__}.")
    return value


def parse_json(text: str | bytes, name: str) -> Any:  # noqa: ANN401
    """Parse any JSON value."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise CheckpointError(f"{name}: is nested too deeply.") from None
    except ValueError as error:
        raise CheckpointError(f"{name}: is not valid JSON ({error}).") from None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r:.99} stands there twice")
    return result
