"""Ids as bytes come back as they were, and nothing in them looks like what parts them."""

import pytest

from skdistilbert.tokenization.id_bytes import ID_SIZE, NO_ID, bytes_of_id, ids_of

# Each has a byte of ones somewhere, the last all that a positive number can have.
IDS = [0, 255, 0xFF00, 0xFFFF, 0xFF0000, 0xFFFFFF, 0x7F000000, 2**31 - 1]


@pytest.mark.parametrize("ids", [[], [7], IDS, list(range(1000))])
def test_ids_come_back(ids: list[int]) -> None:
    packed = b"".join(map(bytes_of_id, ids))
    assert len(packed) == ID_SIZE * len(ids)
    assert ids_of(packed) == tuple(ids)


def test_parts_are_found_between_any_two_ids() -> None:
    of_each = list(map(bytes_of_id, IDS))
    parts = [first + second for first in of_each for second in of_each] + [b"", b""]
    assert NO_ID.join(parts).split(NO_ID) == parts
