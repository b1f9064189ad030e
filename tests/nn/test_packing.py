from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn.packing import Ragged

TEXTS = [[1, 2], [3, 4, 5], [6], [7, 8], [9, 10, 11]]


def test_batches_hold_every_text_once_longest_first() -> None:
    batches = list(Ragged.from_lists(TEXTS).batches(6))
    assert [batch.text_indices.tolist() for batch in batches] == [[1, 4], [0, 3, 2]]
    assert [batch.input_ids.tolist() for batch in batches] == [
        [3, 4, 5, 9, 10, 11],
        [1, 2, 7, 8, 6],
    ]
    assert [batch.position_ids.tolist() for batch in batches] == [[0, 1, 2] * 2, [0, 1, 0, 1, 0]]
    assert [[tuple(group)[:3] for group in batch.groups] for batch in batches] == [
        [(0, 2, 3)],
        [(0, 2, 2), (4, 1, 1)],
    ]
    assert batches[1].starts.tolist() == [0, 2, 4]
    assert batches[1].token_texts.tolist() == [0, 0, 3, 3, 2]


def test_a_text_longer_than_a_batch_stands_alone() -> None:
    batches = list(Ragged.from_lists(TEXTS).batches(1))
    assert [batch.text_indices.tolist() for batch in batches] == [[1], [4], [0], [3], [2]]


@pytest.mark.parametrize("texts", [[], [[]], [[], []]])
def test_nothing_gives_no_batch(texts: list[list[int]]) -> None:
    assert list(Ragged.from_lists(texts).batches(10)) == []


def test_padded_positions_are_dropped_and_positions_kept() -> None:
    ids = np.array([[5, 6, 7, 8], [9, 1, 0, 0]])
    mask = np.array([[1, 0, 1, 1], [1, 1, 0, 0]])
    ragged = Ragged.from_padded(ids, mask > 0)
    assert ragged.is_key is None
    assert ragged.input_ids.tolist() == [5, 7, 8, 9, 1]
    assert ragged.position_ids.tolist() == [0, 2, 3, 0, 1]
    assert ragged.lengths.tolist() == [3, 2]


def test_a_hidden_first_token_stays_as_a_query() -> None:
    ragged = Ragged.from_padded(
        np.array([[5, 6, 7], [1, 2, 3]]), np.array([[0, 0, 1], [1, 1, 1]]) > 0
    )
    (batch,) = ragged.batches(10)
    assert batch.input_ids.tolist() == [1, 2, 3, 5, 7]
    assert [group.key_bias.ravel().tolist() for group in batch.groups] == [
        [0, 0, 0],
        [-np.inf, 0],
    ]
