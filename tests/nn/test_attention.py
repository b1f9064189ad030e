from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from skdistilbert.nn.attention import MAX_SCORES, self_attention
from skdistilbert.nn.packing import Group
from skdistilbert.nn.tape import Tape

HEAD_DIM, N_HEADS = 4, 3
HIDDEN_KEY = np.where(np.arange(4) == 1, -np.inf, 0).astype(np.float32).reshape(1, 1, 4, 1)
GROUPS = [Group(0, 0, 2, 6), Group(12, 2, 1, 4, HIDDEN_KEY), Group(16, 3, 6, 1)]


def random_qkv(n_tokens: int, spread: float = 1) -> np.ndarray:
    """Return queries, keys and values: (3, dim, n_tokens)."""
    rng = np.random.default_rng(0)
    qkv = spread * rng.normal(size=(3, N_HEADS * HEAD_DIM, n_tokens))
    return qkv.astype(np.float32)


def expected_context(qkv: np.ndarray, groups: list[Group]) -> np.ndarray:
    """Compute attention one text and one head at a time, in float64."""
    context = np.empty(qkv.shape[1:])
    for group in groups:
        for text in range(group.n_texts):
            start = group.start + text * group.length
            columns = slice(start, start + group.length)
            for head in range(N_HEADS):
                rows = slice(head * HEAD_DIM, (head + 1) * HEAD_DIM)
                q, k, v = qkv[:, rows, columns].astype(np.float64)
                scores = q.T @ k / np.sqrt(HEAD_DIM)
                if group.key_bias is not None:
                    scores += group.key_bias[text, 0, :, 0]
                context[rows, columns] = v @ softmax(scores, axis=1).T
    return context


def test_attention_equals_its_definition_within_each_text() -> None:
    qkv = random_qkv(22)
    got = self_attention(*qkv.copy(), GROUPS, HEAD_DIM)
    np.testing.assert_allclose(got, expected_context(qkv, GROUPS), atol=1e-6)


def test_long_texts_and_many_texts_are_computed_in_blocks() -> None:
    groups = [Group(0, 0, 1, 400), Group(400, 1, 3, 200), Group(1000, 4, 40, 20)]
    assert N_HEADS * 400**2 > MAX_SCORES
    qkv = random_qkv(1800)
    got = self_attention(*qkv.copy(), groups, HEAD_DIM)
    np.testing.assert_allclose(got, expected_context(qkv, groups), atol=1e-6)


def test_probabilities_have_one_array_per_group_and_sum_to_one() -> None:
    probabilities: list[np.ndarray] = []
    self_attention(*random_qkv(22), GROUPS, HEAD_DIM, probabilities=probabilities)
    assert [p.shape for p in probabilities] == [(2, 3, 6, 6), (1, 3, 4, 4), (6, 3, 1, 1)]
    for of_group in probabilities:
        np.testing.assert_allclose(of_group.sum(axis=-1), 1, atol=1e-6)
    assert not probabilities[1][..., 1].any()  # the hidden key


# Scores of a hundred and more, whose exponentials overflow or vanish without precautions.
@pytest.mark.parametrize("spread", [1, 10, 30])
def test_a_tape_does_not_change_the_context(spread: float) -> None:
    qkv = random_qkv(22, spread)
    context = self_attention(*qkv.copy(), GROUPS, HEAD_DIM)
    with_tape = self_attention(*qkv.copy(), GROUPS, HEAD_DIM, Tape())
    np.testing.assert_allclose(with_tape, context, atol=spread * 1e-6)
    np.testing.assert_allclose(context, expected_context(qkv, GROUPS), atol=spread * 2e-4)


def test_queries_of_first_tokens_only_have_the_same_context() -> None:
    queries, keys, values = random_qkv(22)
    starts = [0, 6, 12, *range(16, 22)]
    expected = self_attention(queries.copy(), keys, values, GROUPS, HEAD_DIM)[:, starts]
    got = self_attention(queries[:, starts], keys, values, GROUPS, HEAD_DIM)
    np.testing.assert_allclose(got, expected, atol=1e-6)
