"""Numbers are validated in the same way by every function: True is not 1, and 10**400 no float."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertClassifier,
    WordPieceTokenizer,
    answer,
    classify,
    embed,
    extract_entities,
    near_duplicates,
    semantic_search,
)
from skdistilbert.number_checks import is_finite_number, is_integer
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable

CLASSIFY, TAG, ANSWER = (
    DATA / f"distilbert-tiny-{head}"
    for head in ("sequence-classification", "token-classification", "question-answering")
)


def test_true_is_not_an_integer() -> None:
    assert all(map(is_integer, (0, -1, 10**400, np.int8(3), np.uint64(3))))
    assert not any(map(is_integer, (True, np.True_, 1.0, "1", None, np.array([1]))))


def test_finite_numbers_fit_into_a_float() -> None:
    assert all(map(is_finite_number, (0, -1.5, 1e308, np.float32(2), Fraction(1, 3), np.int8(-9))))
    no_numbers = (True, np.True_, "1", None, 1j, float("nan"), float("-inf"), 10**400, -(10**400))
    assert not any(map(is_finite_number, no_numbers))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: classify(CLASSIFY, "a", stride=x), "stride must be an integer or None"),
        (lambda x: classify(CLASSIFY, "a", top_k=x), "top_k must be an integer of at least 1"),
        (lambda x: classify(CLASSIFY, "a", max_length=x), "max_length must be an integer"),
        (lambda x: embed("mini", "a", layer=x), "layer must be an integer"),
        (lambda x: embed("mini", "a", layer=[x]), "layer must be an integer"),
        (lambda x: extract_entities(TAG, "a", stride=x), "stride must be an integer of at least"),
        (lambda x: answer(ANSWER, "a", "b", doc_stride=x), "doc_stride must be an integer"),
        (lambda x: answer(ANSWER, "a", "b", max_seq_len=x), "max_seq_len must be an integer"),
        (lambda x: answer(ANSWER, "a", "b", max_answer_len=x), "max_answer_len must be an"),
        (lambda x: semantic_search(np.eye(2), np.eye(2), x), "top_k must be an integer"),
        (lambda x: near_duplicates(np.eye(2), x), "threshold must be a finite number"),
        (
            lambda x: WordPieceTokenizer.from_pretrained("mini").encode(
                "a", max_length=x, truncation=True
            ),
            "max_length must be an integer of at least 0",
        ),
    ],
)
def test_a_boolean_is_not_a_number(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises(ValueError, match=rf"{message}.*\bTrue"):
        call(True)


def test_integers_too_large_for_a_float_are_rejected() -> None:
    with pytest.raises(ValueError, match="alpha must be float of at least 0; got 1000"):
        DistilBertClassifier(alpha=10**400).fit(["a", "b"], [0, 1])
    with pytest.raises(ValueError, match="threshold must be a finite number; got 1000"):
        near_duplicates(np.eye(2), 10**400)
