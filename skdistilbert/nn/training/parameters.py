"""The weights that train, and the sum of their gradients, each in one vector beside the tables.

A table, such as the word embeddings, stands by itself: a batch reads few of its rows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields, is_dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from skdistilbert.nn.training.encoder import RowGradient
from skdistilbert.nn.training.functional import OuterProduct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skdistilbert.nn.training.network import Network, Part, PartGradient
    from skdistilbert.nn.weights import Array

Record = TypeVar("Record")
TABLES = ("embeddings.word_embeddings", "embeddings.position_embeddings")


def arrays_of(part: Part, name: str) -> dict[str, Array]:
    """Give the arrays of a record of weights: `{name}.lin1.weight` and so on."""
    return {key: leaf for key, leaf in _leaves(part, name) if isinstance(leaf, np.ndarray)}


def gradients_of(part: PartGradient, name: str) -> dict[str, Array | OuterProduct | RowGradient]:
    """Give the arrays, products and row gradients of a gradient, named as by `arrays_of`."""
    return {
        key: leaf
        for key, leaf in _leaves(part, name)
        if isinstance(leaf, np.ndarray | OuterProduct | RowGradient)
    }


def map_arrays(record: Record, name: str, function: Callable[[str, Array], Array]) -> Record:
    """Copy a record of weights with each array replaced, given its name and itself."""
    if isinstance(record, np.ndarray):
        return function(name, record)  # type: ignore[return-value]
    if not is_dataclass(record) or isinstance(record, type):
        return record
    mapped = {
        field.name: map_arrays(getattr(record, field.name), f"{name}.{field.name}", function)
        for field in fields(record)
    }
    return replace(record, **mapped)


def _leaves(record: object, name: str) -> list[tuple[str, object]]:
    if isinstance(record, RowGradient) or not is_dataclass(record):
        return [(name, record)]
    return [
        leaf
        for field in fields(record)
        for leaf in _leaves(getattr(record, field.name), f"{name}.{field.name}")
    ]


class Parameters:
    """A copy of a network's weights, free to change.

    Attributes
    ----------
    network : Network
        Its arrays are views of `vector`, or tables.
    vector : ndarray
        All matrices, which decay, then all biases, gains and shifts, which do not.
    n_decaying : int
        How many numbers of `vector` are those of matrices.
    views : dict of str to ndarray
        Each array's place in `vector`.
    tables : dict of str to ndarray
        Arrays of which a batch reads few rows.
    """

    def __init__(self, network: Network) -> None:
        parts = network.parts()
        arrays = {k: v for name, part in parts.items() for k, v in arrays_of(part, name).items()}
        self.tables = {name: np.array(arrays.pop(name)) for name in TABLES if name in arrays}
        # stable: matrices first
        self._shapes = {
            name: array.shape for name, array in sorted(arrays.items(), key=lambda x: -x[1].ndim)
        }
        self.n_decaying = sum(array.size for array in arrays.values() if array.ndim > 1)
        n_numbers = sum(array.size for array in arrays.values())
        self.vector = np.empty(n_numbers, next(iter(arrays.values())).dtype)
        self.views = self.views_of(self.vector)
        for name, view in self.views.items():
            view[...] = arrays[name]
        self.network = network.with_parts(
            {
                name: map_arrays(part, name, lambda key, _: self._array(key))
                for name, part in parts.items()
            }
        )

    def _array(self, name: str) -> Array:
        return self.tables[name] if name in self.tables else self.views[name]

    def views_of(self, vector: Array) -> dict[str, Array]:
        """Cut a vector as `vector` is cut."""
        sizes = [int(np.prod(shape)) for shape in self._shapes.values()]
        cut = np.split(vector, np.cumsum(sizes)[:-1])
        return {
            name: piece.reshape(shape)
            for (name, shape), piece in zip(self._shapes.items(), cut, strict=True)
        }

    def snapshot(self) -> Snapshot:
        """Copy all weights."""
        return Snapshot(
            self.vector.copy(), {name: table.copy() for name, table in self.tables.items()}
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to the weights of a snapshot."""
        self.vector[:] = snapshot.vector
        for name, table in self.tables.items():
            table[:] = snapshot.tables[name]


class Snapshot(NamedTuple):
    """The weights of a moment."""

    vector: Array
    tables: dict[str, Array]


class GradientSum:
    """The gradient of a batch, summed over its pieces in their order, whichever comes first.

    So the sum is the same to the last bit on any number of threads. The first two need not wait
    for each other: a + b is b + a, to the last bit, too.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.vector = np.empty_like(parameters.vector)
        self._views = parameters.views_of(self.vector)
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self.start()

    def start(self) -> None:
        """Forget the last batch."""
        self._rows: defaultdict[str, dict[int, RowGradient]] = defaultdict(dict)
        self._waiting: defaultdict[str, dict[int, PartGradient]] = defaultdict(dict)
        self._n_added: defaultdict[str, int] = defaultdict(int)

    def add(self, piece: int, name: str, gradient: PartGradient) -> None:
        """Add the gradient of one part of the network, or keep it until its turn."""
        with self._locks[name]:
            waiting = self._waiting[name]
            waiting[piece] = gradient
            for turn in sorted(waiting):
                if turn < 2 or turn == self._n_added[name]:
                    self._add_in_turn(turn, name, waiting.pop(turn))
                    self._n_added[name] += 1

    def _add_in_turn(self, piece: int, name: str, gradient: PartGradient) -> None:
        is_first = self._n_added[name] == 0
        for key, value in gradients_of(gradient, name).items():
            if isinstance(value, RowGradient):
                self._rows[key][piece] = value
            elif isinstance(value, np.ndarray):
                self._views[key][...] = value if is_first else self._views[key] + value
            elif is_first:
                value.array(out=self._views[key])
            else:
                self._views[key] += value.array()

    def tables(self) -> Iterator[tuple[str, RowGradient]]:
        """Yield the gradient of each table, in the rows that any piece read."""
        for name, of_pieces in self._rows.items():
            gradients = [of_pieces[piece] for piece in sorted(of_pieces)]
            rows = np.concatenate([gradient.rows for gradient in gradients])
            values = np.concatenate([gradient.values for gradient in gradients])
            yield name, RowGradient.summed(rows, values)
