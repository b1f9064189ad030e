"""Load a checkpoint as the model class of its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.files import locate_checkpoint
from skdistilbert.models.distilbert import DistilBertModel
from skdistilbert.models.task_models import (
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
)
from skdistilbert.nn.runtime import check_precision

if TYPE_CHECKING:
    import os

    from skdistilbert.nn.runtime import Precision

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
    precision: Precision = "float32",
    allow_non_finite: bool = False,
) -> DistilBertModel:
    """Load a checkpoint as the model class of its task head.

    Parameters
    ----------
    path : str or path-like
        "mini", the model bundled with this package; a directory with ``config.json`` and
        ``model.safetensors`` (or shards and an index), of ``model_type`` ``distilbert`` or
        ``bert``; or a name on the Hugging Face hub, such as "distilbert/distilbert-base-uncased",
        optionally with a branch, tag or commit: "owner/name@revision". The environment variable
        ``HF_HUB_CACHE`` names the directory of downloads, and ``HF_HUB_OFFLINE=1`` forbids them.
    precision : {"float32", "bfloat16"}, default="float32"
        "bfloat16": round the weights and hidden states of the transformer layers before their
        products. Sums, everything else and the results are in float32. This needs MKL (extra
        ``mkl``), and Linux with a processor that has AVX512_BF16 or AMX. Otherwise a warning is
        issued, and the model computes in float32. The rounded weights take additional memory.
    allow_non_finite : bool, default=False
        Accept NaN and infinite weights.

    Returns
    -------
    DistilBertModel
        Or the subclass with the task head of the checkpoint: for example, a
        ``BertForSequenceClassification`` is a `DistilBertForSequenceClassification` here.

    Raises
    ------
    CheckpointError
        If a file or tensor is missing, unexpected or malformed; the message names it.
    HubError
        If the model cannot be downloaded.
    ValueError
        If the precision is unknown.

    Warns
    -----
    UserWarning
        At the first use, if the precision is "bfloat16" and this machine does not support it.

    Examples
    --------
    >>> from skdistilbert import load_model
    >>> load_model("mini")
    DistilBertModel(n_layers=4, dim=192, n_heads=6, vocab_size=30522)
    """
    check_precision(precision)
    location = locate_checkpoint(path)
    checkpoint = read_checkpoint(location.directory, allow_non_finite=allow_non_finite)
    return MODELS[checkpoint.head].from_checkpoint(checkpoint, precision)
