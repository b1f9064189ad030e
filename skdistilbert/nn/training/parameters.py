"""The weights that train, in one vector beside the tables.

A table, such as the word embeddings, stands by itself: a batch reads few of its rows.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from skdistilbert.nn.training.encoder import RowGradient
from skdistilbert.nn.training.functional import OuterProduct

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.training.network import Network, Part, PartGradient
    from skdistilbert.nn.weights import Array

    Gradient = Array | OuterProduct | RowGradient

Record = TypeVar("Record")
TABLES = ("embeddings.word_embeddings", "embeddings.position_embeddings")


def arrays_of(part: Part, name: str) -> dict[str, Array]:
    """Give the arrays of a record of weights: `{name}.lin1.weight` and so on."""
    return {key: leaf for key, leaf in _leaves(part, name) if isinstance(leaf, np.ndarray)}


def gradients_of(part: PartGradient, name: str) -> dict[str, Gradient]:
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
