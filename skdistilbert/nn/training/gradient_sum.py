"""The gradient of a batch: the sum over its pieces."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.nn.runtime import for_each
from skdistilbert.nn.training.gradients import OuterProduct, RowGradient
from skdistilbert.nn.training.parameter_vector import named_gradients

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skdistilbert.nn.training.network import PartGradient
    from skdistilbert.nn.training.parameter_vector import Gradient, Parameters
    from skdistilbert.nn.weights import Array

# The squares of this many numbers are summed in float32; the sums are added in float64.
BLOCK_SIZE = 2**17


class GradientSum:
    """The gradient of a batch, summed over its pieces in a fixed order.

    The sum is therefore the same to the last bit on any number of threads. Gradients of matrices
    are kept as products until all pieces have one, and are then multiplied out together: writing
    a matrix and adding to it takes as long as multiplying a short piece.

    Attributes
    ----------
    vector : ndarray of shape (n_numbers,)
        Gradient of `Parameters.vector`.
    tables : dict of str to RowGradient
        Gradient of each table, in the rows that any piece read.
    norm : float
        Euclidean norm of `vector` and `tables` together.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.vector = np.empty_like(parameters.vector)
        self.tables: dict[str, RowGradient] = {}
        self.norm = 0.0
        self._views = parameters.views_of(self.vector)
        self._lock = threading.Lock()
        self.start()

    def start(self) -> None:
        """Begin a new batch."""
        self._is_empty = True
        self.expect(())

    def expect(self, pieces: Iterable[int]) -> None:
        """Prepare for the gradients of some pieces of the batch; may be called several times."""
        self._n_parts = dict.fromkeys(pieces, 0)
        self._waiting: dict[str, dict[int, dict[str, Gradient]]] = {}
        self._complete: deque[dict[str, list[Gradient]]] = deque()
        self._squares: dict[str, float] = {}

    def add(self, piece: int, name: str, gradient: PartGradient) -> None:
        """Add a piece's gradient of one part of the network.

        If this piece is ahead of others, the thread also sums parts that all pieces have
        delivered, so that threads finish together.
        """
        with self._lock:
            part = self._waiting.setdefault(name, {})
            part[piece] = named_gradients(gradient, name)
            self._n_parts[piece] += 1
            if len(part) == len(self._n_parts):
                in_order = [part[piece] for piece in sorted(part)]
                self._complete += self._shares(in_order)
                del self._waiting[name]
        while self._n_parts[piece] > min(self._n_parts.values()) and self._complete:
            self._sum_up_next()

    def sum_up(self, n_threads: int) -> None:
        """Add the gradients of the expected pieces to the sum over earlier pieces of the batch."""
        for_each(lambda *_: self._sum_up_next(), range(len(self._complete)), n_threads)
        self.norm = math.sqrt(math.fsum(self._squares.values()))
        self._is_empty = False

    def _shares(self, pieces: list[dict[str, Gradient]]) -> list[dict[str, list[Gradient]]]:
        """Split into units of work: one matrix, one table, or all small arrays together."""
        small, shares = {}, []
        for name in pieces[0]:
            gradients = [piece[name] for piece in pieces]
            if name in self._views and self._views[name].ndim == 1:
                small[name] = gradients
            else:
                shares.append({name: gradients})
        return [*shares, small]

    def _sum_up_next(self) -> None:
        try:
            share = self._complete.popleft()
        except IndexError:  # another thread was faster
            return
        for name, gradients in share.items():
            self._squares[name] = _sum_of_squares(self._add_up(name, gradients))

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
    # np.dot releases the interpreter's lock; `@` on vectors does not.
    return sum(float(np.dot(block, block)) for block in blocks)
