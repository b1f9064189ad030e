"""The Hugging Face hub's cache on disk, found and read without its client.

The layout is that of https://huggingface.co/docs/huggingface_hub/guides/manage-cache:
``models--owner--name/refs/<revision>`` holds a commit, ``snapshots/<commit>`` its files.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.names import INDEX_FILE, WEIGHTS_FILE, shard_names

TRUE = ("1", "ON", "YES", "TRUE")
COMMIT = re.compile(r"[0-9a-f]{40}")


def cache_directory(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Give the cache: `cache_dir`, or where ``HF_HUB_CACHE`` or ``HF_HOME`` say it is."""
    if cache_dir is not None:
        return Path(cache_dir).expanduser()
    variables = os.environ
    home = variables.get("XDG_CACHE_HOME", "~/.cache") + "/huggingface"
    default = variables.get("HF_HOME", home) + "/hub"
    stated = variables.get("HF_HUB_CACHE", variables.get("HUGGINGFACE_HUB_CACHE", default))
    return Path(os.path.expandvars(stated)).expanduser()


def is_offline() -> bool:
    """Tell whether ``HF_HUB_OFFLINE`` or ``TRANSFORMERS_OFFLINE`` forbid the network."""
    stated = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return stated.upper() in TRUE


def cached_commit(repo_id: str, revision: str, cache: Path) -> str | None:
    """Give the commit that a revision stood for when it was last downloaded."""
    if COMMIT.fullmatch(revision):
        return revision
    try:
        commit = (_repository(repo_id, cache) / "refs" / revision).read_bytes().decode().strip()
    except (OSError, ValueError):  # not there, or not UTF-8, as a commit is
        return None
    return commit if COMMIT.fullmatch(commit) else None


def cached_snapshot(repo_id: str, commit: str, cache: Path) -> Path | None:
    """Give the directory of a commit's files, if all that is needed to load a model is there."""
    snapshot = _repository(repo_id, cache) / "snapshots" / commit
    return snapshot if is_complete(snapshot) else None


def _repository(repo_id: str, cache: Path) -> Path:
    return cache / f"models--{repo_id.replace('/', '--')}"


def is_complete(snapshot: Path) -> bool:
    """Tell whether a directory has a configuration, a vocabulary and all weights."""
    has = {name: (snapshot / name).is_file() for name in ("vocab.txt", "tokenizer.json")}
    return (snapshot / "config.json").is_file() and any(has.values()) and has_weights(snapshot)


def has_weights(snapshot: Path) -> bool:
    """Tell whether a directory has ``model.safetensors``, or every shard of its index."""
    if (snapshot / WEIGHTS_FILE).is_file():
        return True
    try:
        return all((snapshot / name).is_file() for name in shard_names(snapshot / INDEX_FILE))
    except CheckpointError:
        return False
