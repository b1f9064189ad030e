from __future__ import annotations

import numpy as np
import pytest

from skdistilbert import WordPieceTokenizer
from skdistilbert.tasks.token_scores import default_stride, score_tokens, word_scores


@pytest.fixture
def tokenizer() -> WordPieceTokenizer:
    return WordPieceTokenizer.from_pretrained("mini")


def position_logits(windows: list[list[int]]) -> list[np.ndarray]:
    """Return logits whose order tells the position in the window."""
    return [np.stack([np.arange(len(ids)), np.zeros(len(ids))], 1) for ids in windows]


def test_a_word_has_the_scores_of_its_first_token(tokenizer: WordPieceTokenizer) -> None:
    words = ["is", "skdistilbert", "\u200b", "it"]
    (scored,) = score_tokens(tokenizer, [words], 20, 5, position_logits)
    scores = word_scores(scored, len(words), default=1)
    n_pieces = scored.encoding.word_ids.count(1)
    assert n_pieces > 1
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)
    assert scores[2].tolist() == [0, 1]  # no token
    logits = np.log(scores[[0, 1, 3], 0] / scores[[0, 1, 3], 1])
    np.testing.assert_allclose(logits, [1, 2, 2 + n_pieces], rtol=1e-4)


def test_texts_without_words_have_no_scores(tokenizer: WordPieceTokenizer) -> None:
    empty, one = score_tokens(tokenizer, [[], ["is"]], 20, 5, position_logits)
    assert word_scores(empty, 0, 0).shape == (0, 2)
    assert word_scores(one, 1, 0).shape == (1, 2)


def test_each_token_counts_in_one_window(tokenizer: WordPieceTokenizer) -> None:
    text = " ".join(["is"] * 30)
    (scored,) = score_tokens(tokenizer, [text], 12, 4, position_logits)
    assert len(scored.windows) > 2
    assert scored.joined_scores.shape == (30, 2)


def test_the_default_stride_leaves_room_for_new_tokens() -> None:
    assert default_stride(512) == 128
    assert default_stride(12) == 5
    assert default_stride(3) == 0
    with pytest.raises(ValueError, match=r"max_length must be at least 3 for windows .* got 2"):
        default_stride(2)
