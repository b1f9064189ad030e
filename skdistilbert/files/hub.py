"""Find the files of a model that a user names by directory or by its name on the hub."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.atomic_save import check_save_is_finished
from skdistilbert.files.download import download
from skdistilbert.files.hub_cache import (
    cache_directory,
    cached_commit,
    cached_snapshot,
    is_offline,
)

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


def locate_checkpoint(
    model: str | os.PathLike[str],
    *,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
) -> Location:
    """Return the directory of a checkpoint's files; download them if they are not cached.

    A model in the hub's cache needs neither the network nor ``huggingface_hub``. Any other model
    is downloaded with ``huggingface_hub``, but only the files that this package reads. The token
    of ``hf auth login`` or ``HF_TOKEN`` is used, and ``HF_HOME``, ``HF_HUB_CACHE``,
    ``HF_HUB_OFFLINE`` and ``HF_ENDPOINT`` have their usual meaning. A cached branch stays at the
    commit of its first download; pass a commit or tag as `revision` to get another one.

    Parameters
    ----------
    model : str or path-like
        "mini" for the bundled model, a directory, or ``owner/name`` on the hub.
    revision : str, default=None
        Branch, tag or commit on the hub; None for the main branch.
    cache_dir : str or path-like, default=None
        The hub's cache; None for the one that the environment variables name.
    local_files_only : bool, default=False
        Never use the network.

    Raises
    ------
    CheckpointError
        If the model is not found or cannot be downloaded, or if a save to the directory was
        interrupted.

    Examples
    --------
    >>> from skdistilbert.files import locate_checkpoint
    >>> locate_checkpoint("mini").directory.name
    'mini_model'
    """
    if not isinstance(model, str | os.PathLike):
        raise TypeError(
            f"model must be the path of a checkpoint directory or a name on the Hugging Face hub, "
            f"such as 'distilbert/distilbert-base-uncased'; got {model!r}."
        )
    if model == BUNDLED_MODEL:
        model = BUNDLED_DIRECTORY
    if os.path.isdir(model):  # noqa: PTH112 - Path("") is the working directory
        if revision is not None:
            raise ValueError(f"revision must be None for the directory {model}; got {revision!r}.")
        check_save_is_finished(Path(model))
        return Location(Path(model), None)
    repo_id = _check_repo_id(model)
    revision = _check_revision(revision)
    cache = cache_directory(cache_dir)
    commit = cached_commit(repo_id, revision, cache)
    if commit and (snapshot := cached_snapshot(repo_id, commit, cache)):
        return Location(snapshot, commit)
    _check_online(repo_id, revision, cache, local_files_only=local_files_only)
    snapshot = download(repo_id, revision, cache)
    return Location(snapshot, snapshot.name)


def _check_repo_id(model: str | os.PathLike[str]) -> str:
    if isinstance(model, str) and REPO_ID.fullmatch(model) and "--" not in model:
        return model
    raise CheckpointError(
        f"{os.fspath(model)!r} is not a directory. Give the path of a checkpoint, a directory "
        "with config.json, vocab.txt and model.safetensors, or a name on the Hugging Face hub."
    )


def _check_revision(revision: str | None) -> str:
    if revision is None:
        return "main"
    if isinstance(revision, str) and REVISION.fullmatch(revision):
        return revision
    raise ValueError(f"revision must name a branch, a tag or a commit; got {revision!r}.")


def _check_online(repo_id: str, revision: str, cache: Path, *, local_files_only: bool) -> None:
    if local_files_only or is_offline():
        remedy = "Pass local_files_only=False" if local_files_only else "Unset HF_HUB_OFFLINE"
        raise CheckpointError(
            f"{repo_id!r} is not a directory, and its revision {revision!r} is not completely in "
            f"the cache {cache}. {remedy} to download it, or give a directory."
        )
