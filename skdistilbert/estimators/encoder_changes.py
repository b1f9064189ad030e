"""The weights of an encoder that fine-tuning has changed, as plain arrays.

Changes are named like the tensors of a checkpoint, but layers are counted from the last one, which
is -1. All tensors of a trained layer are stored. Of the word and position embeddings, only the
rows that differ from the pretrained table are stored: ``<name>.rows`` and ``<name>.values``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdistilbert.models import DistilBertModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from skdistilbert.nn.training import Network
    from skdistilbert.nn.weights import Array, Encoder, Layer, LayerNorm

TOKEN_TYPES = "embeddings.token_type_difference"
TABLES = ("embeddings.word_embeddings", "embeddings.position_embeddings")


def changes_between(
    pretrained: Encoder, trained: Network, earlier: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the earlier changes, updated with the trained layers and embeddings."""
    changes = dict(earlier) | _changed_layers(trained.layers)
    if trained.embeddings is not None:
        for name in TABLES:
            before, after = (
                getattr(x.embeddings, name.partition(".")[2]) for x in (pretrained, trained)
            )
            rows = np.flatnonzero((before != after).any(axis=1))
            changes |= _changed_rows(name, rows, after[rows])
        changes |= trained.embeddings.layer_norm.tensors("embeddings.LayerNorm")
        if trained.embeddings.token_type_difference is not None:
            changes[TOKEN_TYPES] = trained.embeddings.token_type_difference
    return changes


def _changed_layers(layers: tuple[Layer, ...]) -> dict[str, Array]:
    """Return the tensors of the trained layers, which are the last ones."""
    changes: dict[str, Array] = {}
    for index, layer in enumerate(layers, start=-len(layers)):
        changes |= layer.tensors(f"transformer.layer.{index}")
    return changes


def _changed_rows(name: str, rows: NDArray[np.intp], values: Array) -> dict[str, Any]:
    return {f"{name}.rows": rows, f"{name}.values": values}


def with_changes(model: DistilBertModel, changes: Mapping[str, Array]) -> DistilBertModel:
    """Return the fine-tuned model; it shares all unchanged weights with the pretrained one."""
    if not changes:
        return model
    weights, others = dict(model.weights), dict(changes)
    for name in TABLES:
        if f"{name}.rows" in others:
            table = weights[f"{name}.weight"] = np.array(weights[f"{name}.weight"])
            table[others.pop(f"{name}.rows")] = others.pop(f"{name}.values")
    n_layers = model.config.n_layers
    for name, tensor in others.items():
        weights[re.sub(r"-\d+", lambda match: str(n_layers + int(match[0])), name)] = tensor
    tuned = DistilBertModel(model.config, weights)
    tuned._directory, tuned.mapped = model._directory, model.mapped
    return tuned


# Pickles without a format version refer to the following two classes.


class ChangedRows(NamedTuple):
    """Rows of a table that differ from the pretrained ones."""

    rows: NDArray[np.intp]  # (n_rows,)
    values: Array  # (n_rows, dim)


@dataclass(frozen=True, slots=True)
class EncoderChanges:
    """The last layers, and the word embeddings, position embeddings and their normalisation."""

    layers: tuple[Layer, ...]
    embeddings: tuple[ChangedRows, ChangedRows, LayerNorm] | None

    def as_arrays(self) -> dict[str, Array]:
        """Return the changes as plain arrays."""
        changes = _changed_layers(self.layers)
        if self.embeddings is not None:
            *tables, layer_norm = self.embeddings
            for name, table in zip(TABLES, tables, strict=True):
                changes |= _changed_rows(name, *table)
            changes |= layer_norm.tensors("embeddings.LayerNorm")
        return changes
