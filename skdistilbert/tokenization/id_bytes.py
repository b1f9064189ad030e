"""Token ids as bytes, to be remembered.

Bytes are joined and cut faster than tuples of numbers, take less room, and the garbage collector
does not look at them, as it does at tuples, which took much of the time of texts seen first.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

ID_DTYPE = "<i4"
bytes_of_id = Struct("<i").pack
ID_SIZE = len(bytes_of_id(0))
# The last byte of an id, which is not negative, is below these: they are in no ids, nor begin in
# one, so that what stands between them can be split.
NO_ID = b"\xff" * ID_SIZE


def ids_of(packed: bytes) -> tuple[int, ...]:
    """Read the ids that bytes hold."""
    return _layout(len(packed) // ID_SIZE).unpack(packed)


@lru_cache(maxsize=512)
def _layout(n_ids: int) -> Struct:
    return Struct(f"<{n_ids}i")
