"""Loading whatever model a checkpoint holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.files import locate_checkpoint
from skdistilbert.models.base import DistilBertModel
from skdistilbert.models.heads import (
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
)

if TYPE_CHECKING:
    import os

MODELS: dict[str | None, type[DistilBertModel]] = {
    model.head: model
    for model in (
        DistilBertModel,
        DistilBertForSequenceClassification,
        DistilBertForTokenClassification,
        DistilBertForQuestionAnswering,
        DistilBertForMaskedLM,
    )
}


def load_model(
    path: str | os.PathLike[str],
    *,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    allow_non_finite: bool = False,
) -> DistilBertModel:
    """Load a checkpoint as the model that its ``architectures`` name.

    Parameters
    ----------
    path : str or path-like
        "mini", which comes with this package; a directory with ``config.json`` and
        ``model.safetensors`` (or its shards and index), of ``model_type`` ``distilbert`` or
        ``bert``; or a name on the Hugging Face hub, such as "distilbert/distilbert-base-uncased".
    revision : str, default=None
        Branch, tag or commit on the hub; None: its main branch.
    cache_dir : str or path-like, default=None
        The hub's cache; None: where ``HF_HUB_CACHE`` or ``HF_HOME`` say.
    local_files_only : bool, default=False
        Never use the network.
    allow_non_finite : bool, default=False
        Accept weights that are NaN or infinite.

    Returns
    -------
    DistilBertModel
        Or the subclass with the checkpoint's task head.

    Raises
    ------
    CheckpointError
        If a file or tensor is missing, unexpected or malformed; it says which.

    Examples
    --------
    >>> from skdistilbert import load_model
    >>> load_model("mini")
    DistilBertModel(n_layers=4, dim=192, n_heads=6, vocab_size=30522)
    """
    location = locate_checkpoint(
        path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
    )
    checkpoint = read_checkpoint(location.directory, allow_non_finite=allow_non_finite)
    return MODELS[checkpoint.head].from_checkpoint(checkpoint)
