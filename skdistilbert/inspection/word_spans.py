"""Words and sentences as spans of characters in the original text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.normalization import character_class

if TYPE_CHECKING:
    from skdistilbert.tasks.pair_input import TextOrPair

ENDS_OF_SENTENCE = frozenset(".!?\u2026\u3002\uff01\uff1f\u061f\u0964")


class Span(NamedTuple):
    """A part of a text, ``text[start:stop]``, or of one text of a pair."""

    start: int
    stop: int
    segment: int = 0  # 1: the second text of a pair


def split_pair(text: TextOrPair) -> tuple[str, ...]:
    """Return both texts of a pair, or a single text, as a tuple."""
    return (text,) if isinstance(text, str) else text


def find_words(text: TextOrPair) -> list[Span]:
    """Return the words of a text or of a pair in their order.

    A word is a run of characters without whitespace and punctuation. Apostrophes, hyphens and
    some other marks inside it belong to it, as in "don't", "e-mail" and "3.50". Each Chinese
    character is a word. A run of punctuation is a word, too, because it may influence a
    prediction. Whitespace and punctuation are defined as in BERT, so a token lies in one word.
    """
    return [
        Span(*match.span(), segment)
        for segment, single in enumerate(split_pair(text))
        for match in _word_pattern().finditer(single)
    ]


def group_into_sentences(text: TextOrPair, words: list[Span]) -> list[list[int]]:
    """Return the indices of the words of each sentence.

    A sentence ends at a line break, and at a mark such as "." or "?" unless a lower-case letter
    follows. This rule is only an approximation: "Dr. Smith" has two parts.
    """
    singles = split_pair(text)
    sentences: list[list[int]] = []
    for index, word in enumerate(words):
        if index == 0 or _ends_sentence(singles, words[index - 1], word):
            sentences.append([])
        sentences[-1].append(index)
    return sentences


def _ends_sentence(singles: tuple[str, ...], word: Span, following: Span) -> bool:
    text = singles[word.segment]
    gap = text[word.stop : following.start]
    if word.segment != following.segment or "\n" in gap:
        return True
    mark, first = text[word.start : word.stop], text[following.start]
    is_end = not mark[0].isalnum() and not ENDS_OF_SENTENCE.isdisjoint(mark)
    return is_end and bool(gap or not mark.isascii()) and not first.islower()


@cache  # Compiling takes milliseconds.
def _word_pattern() -> re.Pattern[str]:
    punctuation, cjk, marks, removed = map(
        character_class,
        (tables.PUNCTUATION, tables.CJK, tables.NONSPACING_MARKS, tables.REMOVED),
    )
    first = rf"[^\s{punctuation}{cjk}{marks}{removed}]"
    letters = rf"{first}[^\s{punctuation}{cjk}]*"
    joint = r"(?:['\u2019._@-]|(?<=\d),(?=\d))"
    invisible = rf"(?:(?!\s)[{marks}{removed}])*"
    return re.compile(
        rf"[{cjk}]{invisible}|{letters}(?:{joint}{letters})*|(?:[{punctuation}]{invisible})+"
    )
