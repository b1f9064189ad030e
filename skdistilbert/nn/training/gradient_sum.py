"""The gradient of a batch: the sum of those of its pieces."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.nn.threads import for_each
from skdistilbert.nn.training.encoder import RowGradient
from skdistilbert.nn.training.functional import OuterProduct
from skdistilbert.nn.training.parameters import gradients_of

if TYPE_CHECKING:
    from skdistilbert.nn.training.network import PartGradient
    from skdistilbert.nn.training.parameters import Gradient, Parameters
    from skdistilbert.nn.weights import Array

# Numbers whose squares are summed in float32; the sums are summed in float64.
BLOCK_SIZE = 2**17


class GradientSum:
    """The gradient of a batch, summed over its pieces in their order, whichever comes first.

    So the sum is the same to the last bit on any number of threads. Gradients of matrices wait as
    products, and `sum_up` multiplies out those of all waiting pieces in one: to write a matrix
    and to add another to it takes as long as to multiply a short piece.

    Attributes
    ----------
    vector : ndarray of shape (n_numbers,)
        Of all arrays, cut as `Parameters.vector` is.
    tables : dict of str to RowGradient
        Of each table, in the rows that any piece read.
    norm : float
        Euclidean norm of all numbers in both.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.vector = np.empty_like(parameters.vector)
        self.tables: dict[str, RowGradient] = {}
        self.norm = 0.0
        self._views = parameters.views_of(self.vector)
        self.start()

    def start(self) -> None:
        """Forget the last batch."""
        self._is_empty = True
        self._waiting: dict[int, dict[str, Gradient]] = {}

    def add(self, piece: int, name: str, gradient: PartGradient) -> None:
        """Add the gradient of one part of the network; it waits for `sum_up`."""
        self._waiting.setdefault(piece, {}).update(gradients_of(gradient, name))

    def sum_up(self, n_threads: int) -> None:
        """Add up the pieces that wait, and what is there from earlier ones of the batch."""
        pieces = [self._waiting[piece] for piece in sorted(self._waiting)]
        squares: dict[str, float] = {}

        def sum_up_one(name: str) -> None:
            gradients = [piece.pop(name) for piece in pieces]
            squares[name] = _sum_of_squares(self._add_up(name, gradients))

        names = list(pieces[0])
        for_each(sum_up_one, sorted(names, key=self._size, reverse=True), n_threads)
        self.norm = math.sqrt(sum(squares[name] for name in names))
        self._is_empty, self._waiting = False, {}

    def _size(self, name: str) -> int:
        return self._views[name].size if name in self._views else 0

    def _add_up(self, name: str, gradients: list[Any]) -> Array:
        if isinstance(gradients[0], RowGradient):
            earlier = [] if self._is_empty else [self.tables[name]]
            self.tables[name] = RowGradient.joined([*earlier, *gradients])
            return self.tables[name].values
        view = self._views[name]
        if self._is_empty:
            return _sum(gradients, out=view)
        view += _sum(gradients)
        return view


def _sum(gradients: list[Any], out: Array | None = None) -> Array:
    if isinstance(gradients[0], OuterProduct):
        return OuterProduct.joined(gradients).array(out=out)
    total: Array = np.add.reduce(gradients, axis=0, out=out)
    return total


def _sum_of_squares(x: Array) -> float:
    flat = x.reshape(-1)
    blocks = (flat[start : start + BLOCK_SIZE] for start in range(0, flat.size, BLOCK_SIZE))
    return sum(float(block @ block) for block in blocks)
