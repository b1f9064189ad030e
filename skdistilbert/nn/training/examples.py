"""Training examples: the input of the trainable part of the network, and the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.training.network import Inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.nn.packing import IntArray, PackedBatch, Ragged
    from skdistilbert.nn.weights import Array

# The pieces of a batch depend on its tokens only, so that the gradient does not depend on the
# number of threads. There are at least two pieces, because most machines have two cores or more.
TOKENS_PER_PIECE = 512


class Piece(NamedTuple):
    """Some texts of a batch, with one column of targets per text or per token."""

    inputs: Inputs
    targets: NDArray[np.generic]  # (n_columns,) or (num_labels, n_columns)
    weights: Array  # (n_columns,)
    columns: IntArray  # (n_columns,): indices among all columns


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts with their targets: one column per text, or one per token for heads on tokens.

    If `texts` is None, the head reads `states`. Otherwise the layers read `states`, or the
    embeddings read `texts` if there are no states.
    """

    texts: Ragged | None
    states: Array | None  # (n_tokens, dim) of frozen layers, or (n_texts, dim) pooled
    targets: NDArray[np.generic]  # (n_columns,) or (num_labels, n_columns)
    weights: Array  # (n_columns,), 0 for tokens without a target
    by_token: bool = False

    def __len__(self) -> int:
        """Count the texts."""
        return self.weights.size if self.texts is None else len(self.texts.lengths)

    def pieces(self, rows: IntArray) -> list[Piece]:
        """Split a batch of texts into pieces of about equal numbers of tokens."""
        if self.texts is None:
            assert self.states is not None
            pooled = Inputs(None, np.ascontiguousarray(self.states[rows].T))
            return [self._piece(pooled, rows)]
        return [self._packed(batch, self.texts) for batch in balanced(self.texts, rows)]

    def _packed(self, batch: PackedBatch, texts: Ragged) -> Piece:
        tokens = texts.token_indices(batch.text_indices)
        columns = tokens if self.by_token else batch.text_indices
        if self.states is None:
            return self._piece(Inputs(batch), columns)
        states = np.ascontiguousarray(self.states[tokens].T)  # (dim, n_tokens)
        return self._piece(Inputs(batch, states), columns)

    def _piece(self, inputs: Inputs, columns: IntArray) -> Piece:
        return Piece(inputs, self.targets[..., columns], self.weights[columns], columns)


def balanced(texts: Ragged, rows: IntArray) -> list[PackedBatch]:
    """Pack some texts, longest first, in an even number of batches of about equal size."""
    n_tokens = int(texts.lengths[rows].sum())
    return texts.batches(2 * max(1, round(n_tokens / (2 * TOKENS_PER_PIECE))), rows)
