from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import WordPieceTokenizer
from skdistilbert.estimators.labelled_words import EntityScore, LabelledWords, WordWindows
from skdistilbert.estimators.targets import Labels

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = [["Where", "is", "New", "York"], [], ["\u200b", "London"]]
LABELS = [["O", "O", "B", "I"], [], ["O", "B"]]
NAMES = Labels(np.array(["B", "I", "O"]), multilabel=False)


def encode(class_weight: Any = None, sample_weight: Any = None) -> LabelledWords:  # noqa: ANN401
    return LabelledWords.encode(TEXTS, LABELS, NAMES, class_weight, sample_weight)


def as_lists(arrays: Sequence[np.ndarray]) -> list[list[float]]:
    return [array.tolist() for array in arrays]


def test_words_have_the_weights_of_their_text_and_of_their_class() -> None:
    words = encode({"B": 3.0, "O": 0.5}, [1, 1, 2])
    assert as_lists(words.classes) == [[2, 2, 0, 1], [], [2, 0]]
    assert as_lists(words.weights) == [[0.5, 0.5, 3, 1], [], [1, 6]]
    assert words.text_weights.tolist() == [1, 1, 2]


def test_balanced_weights_count_words() -> None:
    words = encode("balanced")
    # two of six words are "B", one is "I" and three are "O"
    np.testing.assert_allclose(np.concatenate(words.weights), [2 / 3, 2 / 3, 1, 2, 2 / 3, 1])


def test_texts_without_weight_are_dropped() -> None:
    words = encode(None, [0, 1, 2])
    assert words.texts == TEXTS[1:]
    assert as_lists(words.normalized().weights) == [[], [1, 1]]
    with pytest.raises(ValueError, match="weights must contain|weight is above 0"):
        encode(None, [0, 0, 0])
    with pytest.raises(ValueError, match="Negative values"):
        encode(None, [1, 1, -1])


def test_normalised_weights_have_a_mean_of_one_over_words_with_weight() -> None:
    words = encode({"O": 0, "B": 1, "I": 4}, [1, 1, 2]).normalized()
    np.testing.assert_allclose(np.concatenate(words.weights) * 7 / 3, [0, 0, 1, 4, 0, 2])
    with pytest.raises(ValueError, match="at least one word .* whose weight is above 0; got none"):
        encode({"O": 0, "B": 0, "I": 0})


def test_first_tokens_have_targets_in_windows_of_the_maximum_length() -> None:
    tokenizer = WordPieceTokenizer.from_pretrained("mini")
    words, labels = [["zzyzx", "skdistilbert", "is"]], [["B", "I", "O"]]
    windows, token_words = WordWindows.cut(words, tokenizer, 5)
    assert windows.lengths.max() <= 5
    is_first = token_words >= 0
    assert token_words[is_first].tolist() == [0, 1, 2]
    special = (tokenizer.cls_token_id, tokenizer.sep_token_id)
    pieces = [tokenizer.encode(word, add_special_tokens=False) for word in words[0]]
    ids = windows.input_ids
    assert ids[~np.isin(ids, special)].tolist() == [*chain.from_iterable(pieces)]
    assert ids[is_first].tolist() == [word[0] for word in pieces]
    encoded = LabelledWords.encode(words, labels, NAMES, None, None)
    targets, weights = WordWindows(windows, token_words).targets(encoded)
    assert targets[is_first].tolist() == [0, 1, 2]
    assert weights.tolist() == is_first.tolist()


def test_words_are_counted_over_all_texts() -> None:
    tokenizer = WordPieceTokenizer.from_pretrained("mini")
    _, token_words = WordWindows.cut(TEXTS, tokenizer, 20)
    assert token_words[token_words >= 0].tolist() == [0, 1, 2, 3, 5]  # word 4 has no token


def test_words_without_weighted_tokens_are_an_error() -> None:
    tokenizer = WordPieceTokenizer.from_pretrained("mini")
    words = LabelledWords.encode([["\u200b"]], [["O"]], NAMES, None, None)
    with pytest.raises(ValueError, match="one word that the tokenizer does not remove"):
        WordWindows.cut(words.texts, tokenizer, 20).targets(words)


@pytest.mark.parametrize(("weights", "score"), [(None, 2 / 3), ([3, 1, 1], 6 / 7), ([0, 1, 1], 0)])
def test_the_validation_score_weighs_texts(weights: Any, score: float) -> None:  # noqa: ANN401
    words = encode(None, weights)
    tokenizer = WordPieceTokenizer.from_pretrained("mini")
    _, token_words = WordWindows.cut(words.texts, tokenizer, 20)
    # The entity of the first text is found, that of the last text is missed.
    predicted = ([2, 2, 0, 1] if len(words.texts) == 3 else []) + [2]
    logits = np.zeros((3, len(token_words)), np.float32)
    logits[predicted, np.flatnonzero(token_words >= 0)] = 1
    found = EntityScore(words, token_words, NAMES.classes, 2)(logits, None)  # type: ignore[arg-type]
    assert found == pytest.approx(score)
