"""What fine-tuning changed in an encoder: all that an estimator has to carry with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from skdistilbert.models import DistilBertModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.nn.training.network import Network
    from skdistilbert.nn.weights import Array, Encoder, Layer, LayerNorm


class ChangedRows(NamedTuple):
    """The rows of a table that are not what they were."""

    rows: NDArray[np.intp]  # (n_rows,)
    values: Array  # (n_rows, dim)

    @classmethod
    def between(cls, before: Array, after: Array) -> Self:
        """Compare two tables (n, dim)."""
        rows = np.flatnonzero((before != after).any(axis=1))
        return cls(rows, after[rows])

    def applied_to(self, table: Array) -> Array:
        """Give a changed copy."""
        changed = np.array(table)
        changed[self.rows] = self.values
        return changed


@dataclass(frozen=True, slots=True)
class EncoderChanges:
    """The layers that were trained, and the rows of the embeddings.

    Attributes
    ----------
    layers : tuple of Layer
        The topmost ones.
    embeddings : tuple of ChangedRows, ChangedRows and LayerNorm, or None
        Of words and positions; None if they were frozen.
    """

    layers: tuple[Layer, ...]
    embeddings: tuple[ChangedRows, ChangedRows, LayerNorm] | None

    @classmethod
    def between(
        cls, pretrained: Encoder, trained: Network, earlier: EncoderChanges | None
    ) -> EncoderChanges | None:
        """Tell what differs after all changes; None if only the head was ever trained."""
        layers, embeddings = trained.layers, None
        if earlier is not None:
            n_more = max(0, len(earlier.layers) - len(layers))
            layers, embeddings = (*earlier.layers[:n_more], *layers), earlier.embeddings
        if trained.embeddings is not None:
            before, after = pretrained.embeddings, trained.embeddings
            embeddings = (
                ChangedRows.between(before.word_embeddings, after.word_embeddings),
                ChangedRows.between(before.position_embeddings, after.position_embeddings),
                after.layer_norm,
            )
        return cls(layers, embeddings) if layers or embeddings else None

    def applied_to(self, model: DistilBertModel) -> DistilBertModel:
        """Give the fine-tuned model; what did not change is shared with the pretrained one."""
        weights = dict(model.weights)
        first = model.config.n_layers - len(self.layers)
        for index, layer in enumerate(self.layers, start=first):
            weights |= layer.tensors(f"transformer.layer.{index}")
        if self.embeddings is not None:
            words, positions, norm = self.embeddings
            for name, changes in (("word", words), ("position", positions)):
                key = f"embeddings.{name}_embeddings.weight"
                weights[key] = changes.applied_to(weights[key])
            weights |= norm.tensors("embeddings.LayerNorm")
        tuned = DistilBertModel(model.config, weights)
        tuned.mapped = model.mapped
        return tuned
