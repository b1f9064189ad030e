"""Records of weights as flat names to arrays."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from skdistilbert.nn.training.encoder import RowGradient

if TYPE_CHECKING:
    from skdistilbert.nn.training.network import Part, PartGradient
    from skdistilbert.nn.weights import Array

Record = TypeVar("Record")


def arrays_of(part: Part, name: str) -> dict[str, Array]:
    """Give the arrays of a record of weights: `{name}.lin1.weight` and so on."""
    return {key: leaf for key, leaf in _leaves(part, name) if isinstance(leaf, np.ndarray)}


def gradients_of(part: PartGradient, name: str) -> dict[str, Array | RowGradient]:
    """Give the arrays and row gradients of a gradient, named as by `arrays_of`."""
    return {
        key: leaf
        for key, leaf in _leaves(part, name)
        if isinstance(leaf, np.ndarray | RowGradient)
    }


def writable_copy(record: Record) -> Record:
    """Copy a record of weights, whose arrays may be a file's or in use elsewhere."""
    if isinstance(record, np.ndarray):
        return np.array(record, order="C")  # type: ignore[return-value]
    if not is_dataclass(record) or isinstance(record, type):
        return record
    copies = {field.name: writable_copy(getattr(record, field.name)) for field in fields(record)}
    return replace(record, **copies)


def _leaves(record: object, name: str) -> list[tuple[str, object]]:
    if isinstance(record, RowGradient) or not is_dataclass(record):
        return [(name, record)]
    return [
        leaf
        for field in fields(record)
        for leaf in _leaves(getattr(record, field.name), f"{name}.{field.name}")
    ]
