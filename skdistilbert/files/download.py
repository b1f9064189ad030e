"""Download a checkpoint from the Hugging Face hub with ``huggingface_hub``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from skdistilbert.exceptions import CheckpointError, HubError, SkdistilbertError
from skdistilbert.files.file_names import INDEX_FILE, SMALL_FILES, WEIGHTS_FILE, shard_names
from skdistilbert.files.found_instead import check_no_adapter
from skdistilbert.files.hub_cache import cached_owners
from skdistilbert.files.json_file import read_json_object
from skdistilbert.files.model_type import check_model_type
from skdistilbert.files.module_paths import MODULES_FILE, module_paths, transformer_directory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

DEFAULT_ENDPOINT = "https://huggingface.co"
OFFLINE = "{repo_id!r} is not in the cache, and offline mode is on: unset HF_HUB_OFFLINE."
GATED = (
    "{repo_id} is gated: accept its conditions at {endpoint}/{repo_id}, then log in with "
    "'hf auth login' or set HF_TOKEN."
)
NO_WEIGHTS = (
    f"{{repo_id}}: has no {WEIGHTS_FILE} on the hub, or not all of its shards. Other formats are "
    "not read, and pickles never; convert it once, where transformers is installed, with "
    "AutoModel.from_pretrained({repo_id!r}).save_pretrained(directory)."
)
NO_REVISION = "{repo_id} has no revision {revision!r}: see {endpoint}/{repo_id}/commits/main."
NO_REPOSITORY = (
    "{repo_id!r} is neither a directory nor a model on {endpoint} that you may read: correct the "
    "name or, if it is private, log in with 'hf auth login' or set HF_TOKEN."
)
TOO_MANY_REQUESTS = (
    "{endpoint} refuses further requests for now (429): wait some minutes, or log in."
)
SERVER_ERROR = "{endpoint} failed to deliver {repo_id} (status {status}): try again later."
NO_CONNECTION = (
    "{repo_id!r} is not a directory and could not be downloaded from {endpoint} ({reason}): check "
    "the connection, the proxy and HF_ENDPOINT, or give a directory."
)


def download(repo_id: str, revision: str, cache: Path) -> Path:
    """Download the files of a model that this package reads; return their directory.

    Raises HubError if ``huggingface_hub`` is not installed or the download fails, and
    CheckpointError if the architecture or the format is not supported.
    """
    # Weights of the encoder are downloaded last. If they exist, all other files therefore exist,
    # even if another process is still downloading or was killed. Pickles are never downloaded.
    with _Client(repo_id, revision, cache) as client:
        snapshot = client.fetch_matching(SMALL_FILES, revision)
        folders = set(module_paths(snapshot)) - {""}
        if folders:
            names = [f"{folder}/{name}" for folder in sorted(folders) for name in SMALL_FILES]
            client.fetch_matching(names, snapshot.name)
        encoder = transformer_directory(snapshot)
        _check_architecture(repo_id, encoder)
        inner = encoder.relative_to(snapshot).as_posix()
        if others := [f"{folder}/{WEIGHTS_FILE}" for folder in sorted(folders - {inner})]:
            client.fetch_matching(others, snapshot.name)
        # This thread downloads the weights one by one, so that Ctrl-C stops the download at once.
        index = encoder / INDEX_FILE
        for name in shard_names(index) if index.is_file() else [WEIGHTS_FILE]:
            client.fetch(f"{inner}/{name}".removeprefix("./"), snapshot.name)
    for file in snapshot.rglob("*"):
        _check_hash(repo_id, file)
    return snapshot


def download_config(repo_id: str, revision: str, cache: Path) -> Path:
    """Download the ``config.json`` of a model, but no weights; return the model's directory."""
    with _Client(repo_id, revision, cache) as client:
        snapshot = client.fetch_matching(["config.json", MODULES_FILE], revision)
        if inner := [path for path in module_paths(snapshot)[:1] if path]:
            client.fetch_matching([f"{inner[0]}/config.json"], snapshot.name)
    for file in snapshot.rglob("*.json"):
        _check_hash(repo_id, file)
    return snapshot


def also_cached(repo_id: str, cache: Path) -> str:
    """Return a sentence with the full names of a bare name in the cache, or ""."""
    names = " or ".join(map(repr, cached_owners(repo_id, cache)))
    return f" The cache has {names}: use the full name." if names else ""


class _Client:
    """``huggingface_hub`` for one model; as a context manager, it converts errors to HubError."""

    def __init__(self, repo_id: str, revision: str, cache: Path) -> None:
        try:
            import huggingface_hub
        except ImportError:
            raise HubError(
                f"{repo_id!r} is not a directory, and its revision {revision!r} is not completely "
                f"in the cache {cache}. Downloading from the Hugging Face hub needs an extra: "
                'pip install "skdistilbert[hub]". Without it, pass a directory, or "mini" for the '
                f"bundled model.{also_cached(repo_id, cache)}"
            ) from None
        self._hub: Any = huggingface_hub
        self._repo_id, self._revision, self._cache = repo_id, revision, cache
        self._endpoint = os.environ.get("HF_ENDPOINT", DEFAULT_ENDPOINT).rstrip("/")
        self._options: dict[str, Any] = {"cache_dir": cache, "endpoint": self._endpoint}
        self._options["library_name"] = "skdistilbert"

    def fetch_matching(self, patterns: Sequence[str], revision: str) -> Path:
        """Download all files that match a pattern; return the directory of the model."""
        return Path(
            self._hub.snapshot_download(
                self._repo_id, revision=revision, allow_patterns=list(patterns), **self._options
            )
        )

    def fetch(self, name: str, revision: str) -> Path:
        """Download one file; return its path."""
        file = self._hub.hf_hub_download(self._repo_id, name, revision=revision, **self._options)
        return Path(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The HTTP library and its exceptions depend on the version of huggingface_hub.
        if isinstance(error, Exception) and not isinstance(error, CheckpointError):
            details = {"repo_id": self._repo_id, "revision": self._revision}
            explanation, explained = _explain(error, endpoint=self._endpoint, **details)
            raise explanation(explained + also_cached(self._repo_id, self._cache)) from error


def _check_architecture(repo_id: str, directory: Path) -> None:
    """Reject adapters and other architectures before their weights are downloaded."""
    check_no_adapter(directory, repo_id)
    try:
        check_model_type(read_json_object(directory / "config.json"))
    except ValueError as error:
        raise CheckpointError(f"{repo_id}: {error}") from None


def _check_hash(repo_id: str, file: Path) -> None:
    """Compare a file with the hash in its blob's name; remove it if they differ.

    ``huggingface_hub`` checks only the size. Without symbolic links, as on Windows without
    developer mode, no hash is known.
    """
    if not file.is_symlink():
        return
    blob = file.parent / file.readlink()
    if blob.name != _blob_name(file, default=blob.name):
        file.unlink()
        blob.unlink()
        raise HubError(
            f"{repo_id}: {file.name} was damaged during the download (its hash is not "
            f"{blob.name}) and was removed from the cache. Try again."
        )


def _blob_name(file: Path, default: str) -> str:
    """Hash a file as the hub does: SHA-256 for large files, git's SHA-1 for others."""
    with file.open("rb") as opened:
        if len(default) == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        header = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
        header.update(opened.read())
        return header.hexdigest() if len(default) == 40 else default


def _explain(error: Exception, **details: str) -> tuple[type[SkdistilbertError], str]:
    """Return the exception type to raise, and a message with the cause and the remedy."""
    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    status = next(filter(None, map(_status, causes)), 0)
    reason = f"{type(causes[-1]).__name__}: " + str(causes[-1]).strip().split("\n")[0].rstrip(".")
    template = _explanation(causes, status)
    kind = CheckpointError if template is NO_WEIGHTS else HubError
    return kind, template.format(status=status, reason=reason, **details)


def _explanation(causes: list[BaseException], status: int) -> str:
    from huggingface_hub import errors

    def has(kind: type[BaseException]) -> bool:
        return any(isinstance(cause, kind) for cause in causes)

    if has(errors.OfflineModeIsEnabled):
        return OFFLINE
    if has(errors.GatedRepoError):
        return GATED
    if has(errors.EntryNotFoundError) and not has(errors.LocalEntryNotFoundError):
        return NO_WEIGHTS
    if has(errors.RevisionNotFoundError):
        return NO_REVISION
    if has(errors.RepositoryNotFoundError) or status in (401, 403):
        return NO_REPOSITORY
    if status == 429:
        return TOO_MANY_REQUESTS
    return SERVER_ERROR if status else NO_CONNECTION


def _status(error: BaseException) -> int:
    response: Any = getattr(error, "response", None)
    return getattr(response, "status_code", 0)
