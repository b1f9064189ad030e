"""Token ids as bytes, to be remembered.

Bytes are joined and cut faster than tuples of numbers, take less room, and the garbage collector
does not look at them: with tuples, it took a fifth of the time of texts that are seen first.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPE = "i"
bytes_of_id = Struct(_TYPE).pack
ID_SIZE = len(bytes_of_id(0))
# What no id has, nor the end of one and the start of the next, as no id is negative.
NO_ID = bytes_of_id(-1)


def bytes_of(ids: Iterable[int]) -> bytes:
    """Write ids as bytes."""
    return array(_TYPE, ids).tobytes()


def ids_of(packed: bytes) -> tuple[int, ...]:
    """Read the ids that bytes hold."""
    return _layout(len(packed) // ID_SIZE).unpack(packed)


@lru_cache(maxsize=512)
def _layout(n_ids: int) -> Struct:
    return Struct(f"{n_ids}{_TYPE}")
