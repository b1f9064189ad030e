"""What is learnt from: texts as the trainable part of the network reads them, and targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.nn.training.network import Inputs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.nn.packing import IntArray, PackedBatch, Ragged
    from skdistilbert.nn.weights import Array

# A batch is cut by its tokens alone, so that its gradient does not depend on the number of
# threads; into two at least, as most machines have two cores.
TOKENS_A_PIECE = 512


class Piece(NamedTuple):
    """Some texts of a batch, with a column of targets a text, or a token."""

    inputs: Inputs
    targets: NDArray[np.generic]  # (n_columns,) or (num_labels, n_columns)
    weights: Array  # (n_columns,)
    columns: IntArray  # (n_columns,): which of all columns these are


@dataclass(frozen=True, slots=True)
class Examples:
    """Texts with their targets, a column a text; or a column a token, for heads on tokens.

    The head reads `states` if there are no `texts`; else the layers read them if they are there.
    """

    texts: Ragged | None
    states: Array | None  # (n_tokens, dim) that frozen layers gave, or (n_texts, dim) pooled
    targets: NDArray[np.generic]  # (n_columns,) or (num_labels, n_columns)
    weights: Array  # (n_columns,), 0 for tokens that have no target
    by_token: bool = False

    def __len__(self) -> int:
        """Count the texts."""
        return self.weights.size if self.texts is None else len(self.texts.lengths)

    def pieces(self, rows: IntArray) -> list[Piece]:
        """Cut a batch of texts into pieces of about as many tokens each."""
        if self.texts is None:
            assert self.states is not None
            pooled = Inputs(None, np.ascontiguousarray(self.states[rows].T))
            return [self._piece(pooled, rows)]
        return [self._packed(batch, self.texts) for batch in balanced(self.texts, rows)]

    def _packed(self, batch: PackedBatch, texts: Ragged) -> Piece:
        tokens = texts.tokens_of(batch.text_indices)
        columns = tokens if self.by_token else batch.text_indices
        if self.states is None:
            return self._piece(Inputs(batch), columns)
        states = np.ascontiguousarray(self.states[tokens].T)  # (dim, n_tokens)
        return self._piece(Inputs(batch, states), columns)

    def _piece(self, inputs: Inputs, columns: IntArray) -> Piece:
        return Piece(inputs, self.targets[..., columns], self.weights[columns], columns)


def balanced(texts: Ragged, rows: IntArray) -> list[PackedBatch]:
    """Pack some texts, longest first, in an even number of batches of about equal tokens."""
    n_tokens = int(texts.lengths[rows].sum())
    return texts.batches(2 * max(1, round(n_tokens / (2 * TOKENS_A_PIECE))), rows)
