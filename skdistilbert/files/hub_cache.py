"""Read the Hugging Face hub's cache without its client.

The layout is documented at https://huggingface.co/docs/huggingface_hub/guides/manage-cache:
``models--owner--name/refs/<revision>`` contains a commit, and ``snapshots/<commit>`` its files.
Importing the client would take longer than loading a small model.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.file_names import find_weights
from skdistilbert.files.module_paths import transformer_directory

TRUE = ("1", "ON", "YES", "TRUE")
COMMIT = re.compile(r"[0-9a-f]{40}")


def cache_directory() -> Path:
    """Return the hub's cache, which ``HF_HUB_CACHE`` or ``HF_HOME`` name."""
    variables = os.environ
    home = variables.get("XDG_CACHE_HOME", "~/.cache") + "/huggingface"
    default = variables.get("HF_HOME", home) + "/hub"
    cache = variables.get("HF_HUB_CACHE", variables.get("HUGGINGFACE_HUB_CACHE", default))
    return Path(os.path.expandvars(cache)).expanduser()


def is_offline() -> bool:
    """Return whether ``HF_HUB_OFFLINE`` or ``TRANSFORMERS_OFFLINE`` forbid network access."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in TRUE


def cached_commit(repo_id: str, revision: str, cache: Path) -> str | None:
    """Return the commit of a revision at the time of its last download."""
    if COMMIT.fullmatch(revision):
        return revision
    try:
        commit = (_repository(repo_id, cache) / "refs" / revision).read_bytes().decode().strip()
    except (OSError, ValueError):  # missing, or not UTF-8
        return None
    return commit if COMMIT.fullmatch(commit) else None


def cached_snapshot(repo_id: str, commit: str, cache: Path) -> Path | None:
    """Return the directory of a commit's files if it has every file that loading needs."""
    snapshot = _repository(repo_id, cache) / "snapshots" / commit
    encoder = transformer_directory(snapshot)
    has_vocab = any((encoder / name).is_file() for name in ("vocab.txt", "tokenizer.json"))
    complete = (encoder / "config.json").is_file() and has_vocab and _has_weights(encoder)
    return snapshot if complete else None


def cached_config(repo_id: str, commit: str, cache: Path) -> Path | None:
    """Return the directory of a commit's files if it has a ``config.json``."""
    snapshot = _repository(repo_id, cache) / "snapshots" / commit
    return snapshot if (transformer_directory(snapshot) / "config.json").is_file() else None


def cached_owners(name: str, cache: Path) -> list[str]:
    """Return the full names of the models in the cache that are called `name`, by any owner."""
    prefix, suffix = "models--", f"--{name}"
    found = cache.glob(f"{prefix}*{suffix}") if "/" not in name else ()
    owners = (each.name.removeprefix(prefix).removesuffix(suffix) for each in found)
    return sorted(f"{owner}/{name}" for owner in owners if owner and "--" not in owner)


def _repository(repo_id: str, cache: Path) -> Path:
    return cache / f"models--{repo_id.replace('/', '--')}"


def _has_weights(directory: Path) -> bool:
    try:
        return bool(find_weights(directory))
    except CheckpointError:
        return False
