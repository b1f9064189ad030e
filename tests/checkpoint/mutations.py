"""Random damage to a checkpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load, save

from tests.checkpoint.originals import WEIGHTS, dump

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.checkpoint.originals import Files

    Json = Any

# A target of links: the same file in another directory.
ELSEWHERE = "elsewhere"
INDEX = "model.safetensors.index.json"
VALUES: list[Json] = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 10**9, 2**31, 2**63, -(2**63), 10**30, 10**400),
    *(0.0, -0.5, 1e-300, 1.5, 768.0, 1e308, float("nan"), float("inf")),
    *("", "x", "768", "gelu", "\ud800", "\0", "a" * 5000, "../x", "/etc/passwd"),
    *([], [1], ["x"], [[[]]], {}, {"x": 1}, {"0": "a"}, {"content": 3}, {"content": "[UNK]"}),
]


def spoil(files: Files, rng: random.Random) -> Files:
    """Damage a copy in one to three of the ways below."""
    files = dict(files)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        rng.choice(WAYS)(files, rng)
    return files


def _any_file(files: Files, rng: random.Random) -> str:
    return rng.choice(sorted(files))


def _any_weights(files: Files, rng: random.Random) -> str:
    return rng.choice([WEIGHTS, *(name for name in sorted(files) if name.endswith(WEIGHTS))])


def flip_bytes(files: Files, rng: random.Random) -> None:
    name = _any_file(files, rng)
    content = bytearray(files[name])
    for _ in range(rng.randint(1, 8) if content else 0):
        content[rng.randrange(min(len(content), rng.choice((8, 500, 10**6))))] = rng.randrange(256)
    files[name] = bytes(content)


def cut(files: Files, rng: random.Random) -> None:
    name = _any_file(files, rng)
    files[name] = files[name][: rng.randint(0, len(files[name]))]


def grow(files: Files, rng: random.Random) -> None:
    name = _any_file(files, rng)
    place = rng.randint(0, len(files[name]))
    added = rng.choice((b"\0", b"\xff\xfe", b"[" * 9000, b"\r\n", rng.randbytes(50)))
    files[name] = files[name][:place] + added + files[name][place:]


def remove(files: Files, rng: random.Random) -> None:
    del files[_any_file(files, rng)]
    if not files:
        files["README.md"] = b""


def change_json(files: Files, rng: random.Random) -> None:
    """Replace, remove, or double one value somewhere in a JSON file."""
    name = rng.choice(
        [name for name in sorted(files) if name.endswith(".json")] or ["config.json"]
    )
    try:
        value = json.loads(files.get(name, b"{}"))
    except (ValueError, RecursionError):
        return
    files[name] = _spoiled_json(value, rng)


def change_header(files: Files, rng: random.Random) -> None:
    """Change the JSON header of the weights, or its length."""
    weights = _any_weights(files, rng)
    content = files.get(weights, b"")
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
    except (ValueError, RecursionError):
        return
    text = _spoiled_json(header, rng)
    if rng.random() < 0.3:  # a repeated name
        text = text[:-1] + b"," + dump(header)[1:]
    stated = rng.choice((len(text),) * 8 + (0, 1, length + 1, 2**40, 2**63, 2**64 - 1))
    files[weights] = stated.to_bytes(8, "little") + text + content[8 + length :]


def change_offsets(files: Files, rng: random.Random) -> None:
    """Change only the header's offsets, shapes and element types."""
    weights = _any_weights(files, rng)
    content = files.get(weights, b"")
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        entry = header[rng.choice(sorted(header.keys() - {"__metadata__"}))]
        field = rng.choice(("dtype", "shape", "data_offsets"))
        if field == "dtype":
            entry[field] = rng.choice(("F64", "F16", "BF16", "I8", "U64", "F8_E4M3", "F4", "x"))
        else:
            numbers = (0, 1, -1, 4, 128, length, 2**32, 2**62, 2**63, 2**64)
            entry[field][rng.randrange(len(entry[field]))] = rng.choice(numbers)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return
    text = dump(header)
    files[weights] = len(text).to_bytes(8, "little") + text + content[8 + length :]


def change_weights(files: Files, rng: random.Random) -> None:
    """Put extreme numbers into a tensor, or change its type or shape, in a correct file."""
    try:
        weights = _any_weights(files, rng)
        tensors = dict(load(files[weights]))
        name = rng.choice(sorted(tensors))
        tensor = tensors[name].copy()
        extremes = (np.nan, np.inf, 3.4e38, -3.4e38, 1e-45, 0.0)
        tensor[(slice(0, 3),) * tensor.ndim] = rng.choice(extremes)
        dtype = rng.choice((np.float32, np.float32, np.float16, np.float64, np.int32))
        with np.errstate(all="ignore"):
            tensors[name] = tensor.astype(dtype)
        if rng.random() < 0.3:
            tensors[name] = rng.choice((tensor[:0], tensor[1:], tensor.reshape(-1), tensor[None]))
        files[weights] = save(tensors)
    except Exception:  # noqa: BLE001, S110, RUF100 - spoilt before: no file to change any more
        return


def change_vocab(files: Files, rng: random.Random) -> None:
    lines = files.get("vocab.txt", b"").split(b"\n")
    place = rng.randrange(len(lines))
    way = rng.randrange(7)
    if way == 0:
        lines[place] = rng.choice(lines)  # twice
    elif way == 1:
        lines[place] = rng.choice((b"", b" ", b"\0", b"\xff", b"\xed\xa0\x80", b"##", b"\r"))
    elif way == 2:
        lines.insert(place, b"new")
    elif way == 3:
        del lines[place:]
    elif way == 4:
        lines = [line for line in lines if line != rng.choice((b"[UNK]", b"[CLS]", b"[SEP]"))]
    elif way == 5:
        lines = [b"\xef\xbb\xbf" + lines[0], *lines[1:]]
    else:
        lines = [line + b"\r" for line in lines]
    files["vocab.txt"] = b"\n".join(lines)


def without_vocab(files: Files, rng: random.Random) -> None:
    files.pop("vocab.txt", None)
    change_json(files, rng)


def shards(files: Files, rng: random.Random) -> None:
    """Split the weights into two shards with an index that may be wrong."""
    try:
        tensors = load(files.pop(WEIGHTS))
    except Exception:  # noqa: BLE001, RUF100 - spoilt before
        return
    names = sorted(tensors)
    weight_map: dict[str, Json] = {}
    for file, part in (("a.safetensors", names[::2]), ("b.safetensors", names[1::2])):
        files[file] = save({name: tensors[name] for name in part})
        weight_map |= dict.fromkeys(part, file)
    lies = ["../b.safetensors", "/a.safetensors", "c.safetensors", "a", 3, None, [], "a\0", "."]
    if rng.random() < 0.7:
        weight_map[rng.choice([*names, "new"])] = rng.choice(["b.safetensors", *lies])
    files[INDEX] = dump({"weight_map": weight_map, "metadata": {"total_size": 10**15}})
    if rng.random() < 0.3:
        files[INDEX] = _spoiled_json({"weight_map": weight_map}, rng)


def links(files: Files, rng: random.Random) -> dict[str, str]:
    """Choose files to replace by links, and the targets of the links."""
    if rng.random() < 0.9:
        return {}
    targets = [ELSEWHERE, ELSEWHERE, *sorted(files), "missing", ".", "..", "/dev/zero", "/dev/tty"]
    names = rng.sample(sorted(files), rng.randint(1, len(files)))
    return {name: rng.choice(targets) for name in names}


WAYS: tuple[Callable[[Files, random.Random], None], ...] = (
    flip_bytes,
    cut,
    grow,
    remove,
    change_json,
    change_json,
    change_json,
    change_header,
    change_offsets,
    change_weights,
    change_vocab,
    without_vocab,
    shards,
)


def _spoiled_json(value: Json, rng: random.Random) -> bytes:
    containers = _containers(value)
    if not containers or rng.random() < 0.02:
        return dump(rng.choice(VALUES))
    container = rng.choice(containers)
    keys = sorted(container) if isinstance(container, dict) else list(range(len(container)))
    if not keys:
        return dump(value)
    key, way = rng.choice(keys), rng.random()
    if way < 0.15:
        del container[key]
    elif way < 0.25 and isinstance(container, dict):
        container[rng.choice(("x", "", "-1", "99", "\ud800"))] = container.pop(key)
    else:
        container[key] = rng.choice(VALUES)
    return dump(value)


def _containers(value: Json) -> list[Json]:
    """Return objects and lists, but only 60 entries of each."""
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(each for part in list(inner)[:60] for each in _containers(part))]
