"""Find the files of a model that a user names by directory or by its name on the hub."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.exceptions import CheckpointError, HubError
from skdistilbert.files.atomic_save import check_save_is_finished
from skdistilbert.files.download import also_cached, download, download_config
from skdistilbert.files.hub_cache import (
    cache_directory,
    cached_commit,
    cached_config,
    cached_snapshot,
    is_offline,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# "./mini" names a directory of the same name in the working directory.
BUNDLED_MODEL = "mini"
BUNDLED_DIRECTORY = Path(__file__).parents[1] / "mini_model"
# "name" or "owner/name", by the hub's rules.
REPO_ID = re.compile(r"(?:\w[\w.-]{0,95}/)?\w[\w.-]{0,95}", re.ASCII)
# Branches and tags, which may contain slashes, and commits; ".." could leave `refs/`.
REVISION = re.compile(r"(?!.*\.\.)\w[\w./-]*", re.ASCII)


class Location(NamedTuple):
    """The directory of a checkpoint, and its commit on the hub (None for other directories)."""

    directory: Path
    commit: str | None


def locate_checkpoint(model: str | os.PathLike[str]) -> Location:
    """Return the directory of a checkpoint's files; download them if they are not cached.

    A model in the hub's cache needs neither the network nor ``huggingface_hub``. Any other model
    is downloaded with ``huggingface_hub``, but only the files that this package reads. The token
    of ``hf auth login`` or ``HF_TOKEN`` is used, and ``HF_HOME``, ``HF_HUB_CACHE``,
    ``HF_HUB_OFFLINE`` and ``HF_ENDPOINT`` have their usual meaning. A cached branch stays at the
    commit of its first download; name a commit or tag to get another one.

    Parameters
    ----------
    model : str or path-like
        "mini" for the bundled model, a directory, or ``owner/name`` or ``owner/name@revision`` on
        the hub. The revision is a branch, a tag or a commit; by default the main branch.

    Raises
    ------
    CheckpointError
        If the name is not valid, the model has files of another kind, or a save to the directory
        was interrupted.
    HubError
        If the model is neither a directory nor in the cache, and cannot be downloaded.

    Examples
    --------
    >>> from skdistilbert.files import locate_checkpoint
    >>> locate_checkpoint("mini").directory.name
    'mini_model'
    """
    return _locate(model, cached_snapshot, download)


def locate_config(model: str | os.PathLike[str]) -> Path:
    """Return a directory with the ``config.json`` of a model; weights are not downloaded."""
    return _locate(model, cached_config, download_config).directory


def at_commit(model: str | os.PathLike[str], commit: str) -> str | os.PathLike[str]:
    """Return the name of a model on the hub with its revision replaced; keep a directory."""
    if not isinstance(model, str) or _local_directory(model) is not None:
        return model
    return f"{model.partition('@')[0]}@{commit}"


def _locate(
    model: str | os.PathLike[str],
    find_in_cache: Callable[[str, str, Path], Path | None],
    download_files: Callable[[str, str, Path], Path],
) -> Location:
    if not isinstance(model, str | os.PathLike):
        raise TypeError(
            f"model must be the path of a checkpoint directory or a name on the Hugging Face hub, "
            f"such as 'distilbert/distilbert-base-uncased'; got {model!r}."
        )
    if (directory := _local_directory(model)) is not None:
        check_save_is_finished(directory)
        return Location(directory, None)
    repo_id, revision = _check_name(model)
    cache = cache_directory()
    commit = cached_commit(repo_id, revision, cache)
    if commit and (snapshot := find_in_cache(repo_id, commit, cache)):
        return Location(snapshot, commit)
    if Path(model).is_file():
        raise CheckpointError(
            f"{model!r} is a file, but model must be a directory. Pass the directory of the file, "
            f"{str(Path(model).absolute().parent)!r}."
        )
    if is_offline():
        raise HubError(
            f"{repo_id!r} is not a directory, and its revision {revision!r} is not completely in "
            f"the cache {cache}. Unset HF_HUB_OFFLINE to download it, or give a directory."
            + also_cached(repo_id, cache)
        )
    snapshot = download_files(repo_id, revision, cache)
    return Location(snapshot, snapshot.name)


def _local_directory(model: str | os.PathLike[str]) -> Path | None:
    if model == BUNDLED_MODEL:
        return BUNDLED_DIRECTORY
    return Path(model) if os.path.isdir(model) else None  # noqa: PTH112 - Path("") is "."


def _check_name(model: str | os.PathLike[str]) -> tuple[str, str]:
    """Return the name and the revision of a model on the hub."""
    repo_id, at, revision = os.fspath(model).partition("@")
    if not isinstance(model, str) or not REPO_ID.fullmatch(repo_id) or "--" in repo_id:
        raise CheckpointError(
            f"{os.fspath(model)!r} is not a directory. Give the path of a checkpoint, a directory "
            "with config.json, vocab.txt and model.safetensors, or a name on the Hugging Face hub "
            "such as 'owner/name' or 'owner/name@revision'."
        )
    if at and not REVISION.fullmatch(revision):
        raise CheckpointError(
            f"{model!r} must have a branch, a tag or a commit after the '@'; got {revision!r}."
        )
    return repo_id, revision or "main"
