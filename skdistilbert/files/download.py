"""Downloading a checkpoint from the Hugging Face hub, with its own client."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import read_json_object
from skdistilbert.files.model_type import check_model_type
from skdistilbert.files.names import INDEX_FILE, WEIGHTS_FILE, shard_names

DEFAULT_ENDPOINT = "https://huggingface.co"
# Those of the modules of sentence-transformers ("1_Pooling", "2_Dense") among them; never a
# pickle: no *.bin, *.pt, *.h5.
FILES_BESIDE_WEIGHTS = [
    "config.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    INDEX_FILE,
    "modules.json",
    "sentence_*bert_config.json",
    "config_sentence_transformers.json",
    "[0-9]*_*/config.json",
    "[0-9]*_*/model.safetensors",
]


def download(repo_id: str, revision: str, cache: Path) -> Path:
    """Download the files that are read of a model; gives their directory, named by the commit.

    Raises
    ------
    CheckpointError
        If the client is not installed, the download fails, or the model can't be loaded here.
    """
    try:
        import huggingface_hub
    except ImportError:
        raise CheckpointError(
            f"{repo_id!r} is not a directory, and its revision {revision!r} is not completely in "
            f"the cache {cache}; downloading from the Hugging Face hub needs an extra: "
            'pip install "skdistilbert[hub]".'
        ) from None
    endpoint = os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT).rstrip("/")
    options: dict[str, Any] = {
        "cache_dir": cache,
        "endpoint": endpoint,
        "library_name": "skdistilbert",
    }
    try:
        # The weights come last: where they are, the other files are, even in the cache of a
        # process that was ended on the way, or is still at it.
        snapshot = Path(
            huggingface_hub.snapshot_download(
                repo_id, revision=revision, allow_patterns=FILES_BESIDE_WEIGHTS, **options
            )
        )
        _check_architecture(repo_id, snapshot)
        # One by one, in this thread, which Ctrl-C ends at once; the client's threads end when
        # their files do.
        index = snapshot / INDEX_FILE
        for name in shard_names(index) if index.is_file() else [WEIGHTS_FILE]:
            huggingface_hub.hf_hub_download(repo_id, name, revision=snapshot.name, **options)
    except CheckpointError:
        raise
    except Exception as error:  # whatever the client's HTTP library, and its version, raise
        raise CheckpointError(_sentence(error, repo_id, revision, endpoint)) from error
    for file in snapshot.rglob("*"):
        _check_hash(repo_id, file)
    return snapshot


def _check_architecture(repo_id: str, snapshot: Path) -> None:
    """Refuse other models before their weights, perhaps hundreds of gigabytes, are downloaded."""
    try:
        check_model_type(read_json_object(snapshot / "config.json"))
    except ValueError as error:
        raise CheckpointError(f"{repo_id}: {error}") from None


def _check_hash(repo_id: str, file: Path) -> None:
    """Compare a file with the hash that its blob is named after, and remove it if it differs.

    The client checks the size alone. Where it can't make links, as on Windows without developer
    mode, there is no name to compare with.
    """
    if not file.is_symlink():
        return
    blob = file.parent / file.readlink()
    if blob.name != _hash_of(file, blob.name):
        file.unlink()
        blob.unlink()
        raise CheckpointError(
            f"{repo_id}: {file.name} was damaged on the way (its hash is not {blob.name}), and "
            "has been removed from the cache. Try again."
        )


def _hash_of(file: Path, expected: str) -> str:
    """Hash as the hub names blobs: SHA-256 for large files, git's SHA-1 for the others."""
    with file.open("rb") as opened:
        if len(expected) == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        header = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
        header.update(opened.read())
        return header.hexdigest() if len(expected) == 40 else expected


def _sentence(error: Exception, repo_id: str, revision: str, endpoint: str) -> str:
    """Say in one sentence what went wrong, and what to do."""
    names = {cause.__name__ for each in _causes(error) for cause in type(each).__mro__}
    status = next(filter(None, map(_status, _causes(error))), 0)
    if "OfflineModeIsEnabled" in names:
        return f"{repo_id!r} is not in the cache, and offline mode is on: unset HF_HUB_OFFLINE."
    if "GatedRepoError" in names:
        return (
            f"{repo_id} is gated: accept its conditions at {endpoint}/{repo_id}, then log in with "
            "'hf auth login' or set HF_TOKEN."
        )
    if "EntryNotFoundError" in names and "LocalEntryNotFoundError" not in names:
        return (
            f"{repo_id}: has no {WEIGHTS_FILE} on the hub, or not all of its shards. Other "
            "formats are not read, and pickles never; convert it once, where transformers is "
            f"installed, with AutoModel.from_pretrained({repo_id!r}).save_pretrained(directory)."
        )
    if "RevisionNotFoundError" in names:
        return f"{repo_id} has no revision {revision!r}: see {endpoint}/{repo_id}/commits/main."
    if "RepositoryNotFoundError" in names or status in (401, 403):
        return (
            f"{repo_id!r} is neither a directory nor a model on {endpoint} that you may read: "
            "correct the name or, if it is private, log in with 'hf auth login' or set HF_TOKEN."
        )
    if status == 429:
        return f"{endpoint} refuses further requests for now (429): wait some minutes, or log in."
    if status:
        return f"{endpoint} failed to deliver {repo_id} (status {status}): try again later."
    reason = str(_causes(error)[-1]).strip().split("\n")[0].rstrip(".")
    return (
        f"{repo_id!r} is not a directory, and could not be downloaded from {endpoint} "
        f"({type(_causes(error)[-1]).__name__}: {reason}): check the connection, the proxy and "
        "HF_ENDPOINT, or give a directory."
    )


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    return causes


def _status(error: BaseException) -> int:
    response: Any = getattr(error, "response", None)
    return getattr(response, "status_code", 0)
