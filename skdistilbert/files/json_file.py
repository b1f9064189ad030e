"""Parse JSON of unknown origin strictly."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.found_instead import found_instead

if TYPE_CHECKING:
    from pathlib import Path


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file whose top level is an object.

    Raise CheckpointError if the file is missing, is not UTF-8, is not valid JSON, is nested too
    deeply, repeats a key, or has another top level. NaN and Infinity are not valid JSON.
    """
    if not file.is_file():  # reading a pipe would block
        raise CheckpointError(
            f"{file} does not exist, but the checkpoint needs it. Copy this file into the "
            "directory, or save or download the checkpoint again."
        )
    return parse_json_object(file.read_bytes(), str(file))


def parse_json_object(text: str | bytes, name: str) -> dict[str, Any]:
    """Parse a JSON object; error messages begin with `name`."""
    value = parse_json(text, name)
    if not isinstance(value, dict):
        raise CheckpointError(f"{name}: must hold an object, got {type(value).__name__}.")
    return value


def parse_json(text: str | bytes, name: str) -> Any:  # noqa: ANN401
    """Parse any JSON value; error messages begin with `name`."""
    try:
        decoded = text if isinstance(text, str) else text.decode()
        return json.loads(decoded, parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise CheckpointError(f"{name}: is nested too deeply.") from None
    except ValueError as error:
        content = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
        if kind := found_instead(content):
            raise CheckpointError(f"{name}: is not valid JSON, but {kind}.") from None
        problem = "UTF-8" if isinstance(error, UnicodeDecodeError) else "valid JSON"
        raise CheckpointError(f"{name}: is not {problem} ({error}).") from None


def check_value(valid: bool, file: Path, name: str, expected: str, value: object) -> None:
    """Raise CheckpointError for an invalid value of a field of a JSON file."""
    if not valid:
        raise CheckpointError(f"{file}: {name} must be {expected}; got {value!r:.99}.")


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number in JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {repeated!r:.99} is repeated")
    return result
