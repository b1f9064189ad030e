"""The contents of pickles and skops files of estimators: parameters, plain values and arrays.

A file holds no class of this package except the estimator itself, so that other classes can be
renamed. It has a format version. It never holds pretrained weights.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from skdistilbert.estimators.encoder_changes import EncoderChanges
from skdistilbert.estimators.targets import Scale
from skdistilbert.estimators.text_encoder import TextEncoder
from skdistilbert.nn import heads
from skdistilbert.nn.heads import LinearHead, SequenceClassificationHead

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdistilbert.nn.weights import Array

FORMAT = 2  # 2 added the weights of BERT: its pooler and its token types
# Pickles without a format version hold a head of this module.
sys.modules.setdefault("skdistilbert.nn.training.heads", heads)
heads.TokenClassificationHead = heads.LinearHead  # type: ignore[attr-defined]


def to_saved(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator in the form for files."""
    state = {**attributes, "_format": FORMAT}
    state.pop("_fine_tuning", None)
    encoder = state.pop("_encoder", None)
    if encoder is not None:
        state["_changes"] = dict(encoder.changes)
    if "head_" in state:
        state["head_"] = state["head_"].tensors()
    if "_scale" in state:
        state["_scale"] = state["_scale"]._asdict()
    return state


def from_saved(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an estimator from its saved state.

    Raises
    ------
    ValueError
        If a newer version of this package wrote the state.
    """
    state = dict(saved)
    version = state.pop("_format", 0)
    if version > FORMAT:
        raise ValueError(
            f"This file has format {version}, but skdistilbert reads formats up to {FORMAT}. "
            "Upgrade it: pip install --upgrade skdistilbert"
        )
    for name in ("revision", "cache_dir", "local_files_only"):  # parameters of format 0
        state.pop(name, None)
    changes = state.pop("_changes", None) or {}
    if isinstance(changes, EncoderChanges):  # without a format version
        changes = changes.as_arrays()
    if "fingerprint_" in state:
        state["_encoder"] = TextEncoder(changes=changes)
    if "head_" in state:
        arrays = state["head_"] if version else _arrays_of_record(state["head_"])
        state["head_"] = _head_from_arrays(arrays)
    if version and "_scale" in state:
        state["_scale"] = Scale(**state["_scale"])
    return state


def _arrays_of_record(head: Any) -> dict[str, Array]:  # noqa: ANN401
    """Return the arrays of a head without a format version, which lacks later fields."""
    arrays: dict[str, Array] = head.classifier.tensors("classifier")
    if isinstance(head, SequenceClassificationHead):
        arrays |= head.pre_classifier.tensors("pre_classifier")
    return arrays


def _head_from_arrays(arrays: Mapping[str, Array]) -> Any:  # noqa: ANN401
    if set(arrays) == {"classifier.weight", "classifier.bias"}:
        return LinearHead.from_tensors(arrays)
    return SequenceClassificationHead.from_tensors(arrays)
