"""A dictionary of bounded size that computes its missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")

MAX_BYTES = 2**25
# Longer strings are not cached, because they rarely recur.
MAX_LENGTH = 4096
# Estimated size of an entry: a part for the objects, and a part per character of the key.
BYTES_PER_ENTRY = 250
BYTES_PER_CHARACTER = 8


class BoundedCache(dict[str, Value]):
    """Values of a function by string, in about `MAX_BYTES`. A full cache is emptied.

    Threads may share a cache without a lock, because each operation on the dictionary is atomic.
    In the worst case two threads compute the same value, or the number of bytes is slightly wrong.

    Parameters
    ----------
    compute : callable
        Function of a string. Its errors are not cached.
    """

    def __init__(self, compute: Callable[[str], Value]) -> None:
        self._compute = compute
        self._n_bytes = 0

    def __missing__(self, key: str) -> Value:
        value = self._compute(key)
        if len(key) <= MAX_LENGTH:
            self._n_bytes += BYTES_PER_ENTRY + BYTES_PER_CHARACTER * len(key)
            if self._n_bytes > MAX_BYTES:
                self.clear()
                self._n_bytes = 0
            self[key] = value
        return value
