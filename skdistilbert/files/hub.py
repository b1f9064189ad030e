"""From what a user calls a model, a directory or a name on the Hugging Face hub, to its files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.bundled import BUNDLED_MODEL, bundled_directory
from skdistilbert.files.download import download
from skdistilbert.files.hub_cache import (
    cache_directory,
    cached_commit,
    cached_snapshot,
    is_offline,
)

# "name" or "owner/name", as the hub allows them.
REPO_ID = re.compile(r"(?:\w[\w.-]{0,95}/)?\w[\w.-]{0,95}", re.ASCII)
# Names of branches and tags, with slashes, and commits; nothing that climbs out of `refs/`.
REVISION = re.compile(r"(?!.*\.\.)\w[\w./-]*", re.ASCII)


class Location(NamedTuple):
    """Where a checkpoint's files are.

    Attributes
    ----------
    directory : Path
    commit : str or None
        The hub's name for exactly these files; None for any other directory.
    """

    directory: Path
    commit: str | None


def locate_checkpoint(
    model: str | os.PathLike[str],
    *,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
) -> Location:
    """Give the directory with a checkpoint's files; download them if they are nowhere yet.

    "mini" is the model that comes with this package, whatever is in the working directory; any
    directory is taken as it is. A model that is in the hub's cache is taken from there, without
    the network and without ``huggingface_hub``; anything else is downloaded with it, asking only
    for the files that are read here. A token is taken from where ``hf auth login`` or
    ``HF_TOKEN`` put it, and ``HF_HOME``, ``HF_HUB_CACHE``, ``HF_HUB_OFFLINE`` and ``HF_ENDPOINT``
    mean what they mean to ``huggingface_hub``.

    Parameters
    ----------
    model : str or path-like
        "mini", a directory, or else ``owner/name`` on the hub.
    revision : str, default=None
        Branch, tag or commit on the hub; None: its main branch.
    cache_dir : str or path-like, default=None
        The hub's cache; None: where the environment says it is.
    local_files_only : bool, default=False
        Never use the network.

    Returns
    -------
    Location

    Raises
    ------
    CheckpointError
        If the model is nowhere, or can't be downloaded; the message says what to do.

    Notes
    -----
    A branch in the cache stays at the commit that it had when it was downloaded; name a commit or
    tag as `revision` to have another. Of a snapshot that another library has downloaded, files
    that it left out count as absent from the repository.

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
        model = bundled_directory()
    if os.path.isdir(model):  # noqa: PTH112 - Path("") is the working directory
        if revision is not None:
            raise ValueError(f"{model} is a directory: revision={revision!r} has no meaning.")
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
    if not (local_files_only or is_offline()):
        return
    remedy = "Pass local_files_only=False" if local_files_only else "Unset HF_HUB_OFFLINE"
    raise CheckpointError(
        f"{repo_id!r} is not a directory, and its revision {revision!r} is not completely in the "
        f"cache {cache}. {remedy} to download it, or give a directory."
    )
