"""The trainable weights: one vector, and separate tables.

A batch reads few rows of a table, such as the word embeddings, so tables are updated by row.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from skdistilbert.nn.training.gradients import OuterProduct, RowGradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.training.network import Network, Part, PartGradient
    from skdistilbert.nn.weights import Array

    Gradient = Array | OuterProduct | RowGradient

Record = TypeVar("Record")
TABLES = ("embeddings.word_embeddings", "embeddings.position_embeddings")


def named_arrays(part: Part, name: str) -> dict[str, Array]:
    """Return the arrays of a record of weights, with names such as `{name}.lin1.weight`."""
    return {key: leaf for key, leaf in _leaves(part, name) if isinstance(leaf, np.ndarray)}


def named_gradients(part: PartGradient, name: str) -> dict[str, Gradient]:
    """Return the arrays, products and row gradients of a gradient, named as by `named_arrays`."""
    return {
        key: leaf
        for key, leaf in _leaves(part, name)
        if isinstance(leaf, np.ndarray | OuterProduct | RowGradient)
    }


def map_arrays(record: Record, name: str, function: Callable[[str, Array], Array]) -> Record:
    """Return a copy of a record in which each array is `function(name, array)`."""
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
    """A writable copy of a network's weights.

    Attributes
    ----------
    network : Network
        The network whose arrays are views of `vector`, or tables.
    vector : ndarray
        All matrices, which have weight decay, then all vectors, which have none.
    n_decaying : int
        Number of elements of `vector` that belong to matrices.
    views : dict of str to ndarray
        The view of each array in `vector`.
    tables : dict of str to ndarray
        Arrays that are updated by row.
    """

    def __init__(self, network: Network) -> None:
        parts = network.parts()
        arrays = {
            k: v for name, part in parts.items() for k, v in named_arrays(part, name).items()
        }
        self.tables = {name: np.array(arrays.pop(name)) for name in TABLES if name in arrays}
        # matrices first; the order is otherwise unchanged
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
        """Return the views of all arrays in a vector with the layout of `vector`."""
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
        """Restore the weights of a snapshot."""
        self.vector[:] = snapshot.vector
        for name, table in self.tables.items():
            table[:] = snapshot.tables[name]


class Snapshot(NamedTuple):
    """A copy of all trainable weights."""

    vector: Array
    tables: dict[str, Array]
