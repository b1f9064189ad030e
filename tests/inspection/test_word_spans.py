from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdistilbert.inspection.word_spans import find_words, group_into_sentences


def words_of(text: str) -> list[str]:
    return [text[word.start : word.stop] for word in find_words(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where is it?!", ["Where", "is", "it", "?!"]),
        ("don't e-mail a.b@c.com", ["don't", "e-mail", "a.b@c.com"]),
        ("3.50 or 1,000, yes/no", ["3.50", "or", "1,000", ",", "yes", "/", "no"]),
        ("'quoted' (U.S.)", ["'", "quoted", "'", "(", "U.S", ".)"]),
        ("我愛 NYです。", ["我", "愛", "NYです", "。"]),
        ("cafe\u0301 नमस्ते", ["cafe\u0301", "नमस्ते"]),
        ("so 👍🏽 ❤\ufe0f!", ["so", "👍🏽", "❤\ufe0f", "!"]),
        ("\u200b \u0301\t\n", []),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_words_and_sentences_of_a_pair() -> None:
    pair = ("Is it?", "it is")
    words = find_words(pair)
    parts = [pair[word.segment][word.start : word.stop] for word in words]
    assert parts == ["Is", "it", "?", "it", "is"]
    assert group_into_sentences(pair, words) == [[0, 1, 2], [3, 4]]


@given(st.text())
def test_words_are_in_order_and_leave_out_whitespace_and_invisible_characters(text: str) -> None:
    spans = find_words(text)
    bounds = [bound for span in spans for bound in span[:2]]
    assert bounds == sorted(bounds)
    assert all(span.start < span.stop for span in spans)
    assert all(len(text[span.start : span.stop].split()) == 1 for span in spans)
    covered = {index for span in spans for index in range(span.start, span.stop)}
    left_out = {text[index] for index in range(len(text)) if index not in covered}
    assert not any(character.isalnum() for character in left_out)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One two. Three?", [["One", "two", "."], ["Three", "?"]]),
        ("first line\nSecond", [["first", "line"], ["Second"]]),
        ("See e.g. this. 3.5 is ok", [["See", "e.g", ".", "this", "."], ["3.5", "is", "ok"]]),
        ("好。好", [["好", "。"], ["好"]]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[list[str]]) -> None:
    words = words_of(text)
    found = group_into_sentences(text, find_words(text))
    assert [[words[index] for index in sentence] for sentence in found] == sentences
