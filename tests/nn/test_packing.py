from __future__ import annotations

import numpy as np
import pytest

from skdistilbert.nn.packing import Ragged

TEXTS = [[1, 2], [3, 4, 5], [6], [7, 8], [9, 10, 11]]


def test_every_text_is_in_one_batch_and_long_texts_come_first() -> None:
    batches = Ragged.from_lists(TEXTS).batches(2)
    assert [batch.text_indices.tolist() for batch in batches] == [[1, 4], [0, 3, 2]]
    assert [batch.input_ids.tolist() for batch in batches] == [
        [3, 4, 5, 9, 10, 11],
        [1, 2, 7, 8, 6],
    ]
    assert [batch.position_ids.tolist() for batch in batches] == [[0, 1, 2] * 2, [0, 1, 0, 1, 0]]
    assert [[tuple(group)[:4] for group in batch.groups] for batch in batches] == [
        [(0, 0, 2, 3)],
        [(0, 0, 2, 2), (4, 2, 1, 1)],
    ]
    assert batches[1].starts.tolist() == [0, 2, 4]
    assert batches[1].token_texts.tolist() == [0, 0, 3, 3, 2]


def test_no_batch_is_empty() -> None:
    batches = Ragged.from_lists(TEXTS).batches(100)
    assert [batch.text_indices.tolist() for batch in batches] == [[1], [4], [0], [3], [2]]


def test_batches_have_about_equal_numbers_of_tokens() -> None:
    texts = Ragged.from_lists([[0] * length for length in (128, 104, 80, 56, 40, 24, 16, 8)])
    assert [batch.lengths.sum() for batch in texts.batches(2)] == [232, 224]
    (batch,) = texts.batches(1, np.array([7, 0, 3]))
    assert batch.text_indices.tolist() == [0, 3, 7]


@pytest.mark.parametrize("n_batches", [1, 2])
def test_a_single_text_is_one_batch(n_batches: int) -> None:
    text = Ragged.from_lists([[4, 5, 6]])
    kept, kept_as = text.distinct()
    (batch,) = kept.batches(n_batches)
    assert batch.text_indices.tolist() == kept_as.tolist() == [0]
    assert batch.lengths.tolist() == [3]
    assert batch.input_ids.tolist() == [4, 5, 6]
    assert batch.position_ids.tolist() == [0, 1, 2]


@pytest.mark.parametrize("texts", [[], [[]], [[], []]])
def test_texts_without_tokens_form_no_batch(texts: list[list[int]]) -> None:
    assert Ragged.from_lists(texts).batches(10) == []


def test_ids_may_be_arrays_or_lists() -> None:
    expected = Ragged.from_lists(TEXTS)
    arrays = [np.array(ids, np.int32) for ids in TEXTS]
    for texts in (arrays, [*arrays[:2], *TEXTS[2:]]):
        got = Ragged.from_lists(texts)
        assert got.input_ids.dtype == expected.input_ids.dtype
        for name in ("input_ids", "position_ids", "lengths"):
            np.testing.assert_array_equal(getattr(got, name), getattr(expected, name))


def test_masked_tokens_are_dropped_and_other_positions_kept() -> None:
    ids = np.array([[5, 6, 7, 8], [9, 1, 0, 0]])
    mask = np.array([[1, 0, 1, 1], [1, 1, 0, 0]])
    ragged = Ragged.from_padded(ids, mask > 0)
    assert ragged.is_key is None
    assert ragged.input_ids.tolist() == [5, 7, 8, 9, 1]
    assert ragged.position_ids.tolist() == [0, 2, 3, 0, 1]
    assert ragged.lengths.tolist() == [3, 2]


def test_a_hidden_first_token_remains_as_a_query() -> None:
    ragged = Ragged.from_padded(
        np.array([[5, 6, 7], [1, 2, 3]]), np.array([[0, 0, 1], [1, 1, 1]]) > 0
    )
    (batch,) = ragged.batches(1)
    assert batch.input_ids.tolist() == [1, 2, 3, 5, 7]
    assert [group.key_bias.ravel().tolist() for group in batch.groups] == [
        [0, 0, 0],
        [-np.inf, 0],
    ]


def test_distinct_keeps_one_of_equal_texts() -> None:
    texts = Ragged.from_lists([[1, 2], [], [3], [1, 2], [2, 1], [], [3]])
    kept, kept_as = texts.distinct()
    assert kept.input_ids.tolist() == [1, 2, 2, 1, 3]
    assert kept.lengths.tolist() == [0, 2, 2, 1]
    assert kept_as.tolist() == [1, 0, 3, 1, 2, 0, 3]


def test_distinct_texts_do_not_depend_on_the_order() -> None:
    texts = [[3, 1], [2], [], [70_000, 5], [3]]
    (kept, _), (of_reversed, _) = (
        Ragged.from_lists(given).distinct() for given in (texts, texts[::-1])
    )
    assert kept.input_ids.tolist() == of_reversed.input_ids.tolist()
    assert kept.lengths.tolist() == of_reversed.lengths.tolist()


def test_token_types_follow_their_tokens() -> None:
    types = [[0, 1], [0, 0, 1], [0], [1, 1], np.array([0, 1, 1], np.uint8)]
    texts = Ragged.from_lists(TEXTS, types)
    assert texts.token_type_ids.tolist() == [0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 1]
    first, second = texts.batches(2)
    assert first.token_type_ids.tolist() == [0, 0, 1, 0, 1, 1]
    assert second.token_type_ids.tolist() == [0, 1, 1, 1, 0]
    assert Ragged.from_lists(TEXTS).batches(1)[0].token_type_ids is None
    padded = Ragged.from_padded(np.ones((1, 3), int), np.array([[1, 0, 1]]) > 0, np.eye(3)[2:])
    assert padded.token_type_ids.tolist() == [0, 1]


def test_texts_with_different_token_types_are_distinct() -> None:
    texts = Ragged.from_lists([[1, 2], [1, 2], [1, 2]], [[0, 0], [0, 1], [0, 0]])
    kept, kept_as = texts.distinct()
    assert kept.token_type_ids.tolist() == [0, 0, 0, 1]
    assert kept_as.tolist() == [0, 1, 0]


def test_distinct_of_no_texts_is_empty() -> None:
    kept, kept_as = Ragged.from_lists([]).distinct()
    assert len(kept.lengths) == len(kept_as) == 0


def test_texts_with_different_masks_are_distinct() -> None:
    ids = np.array([[0, 5, 6], [0, 5, 6], [0, 5, 6], [0, 5, 6]])
    mask = np.array([[1, 1, 1], [0, 1, 1], [1, 1, 0], [1, 1, 1]], bool)
    first, second, third, fourth = Ragged.from_padded(ids, mask).distinct()[1]
    assert first == fourth
    assert len({first, second, third}) == 3
