"""Occlusion: how much the score falls if a word is hidden (Zeiler and Fergus, 2014)."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.inspection.explained_text import Explanation
from skdistilbert.inspection.word_spans import group_into_sentences, split_pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from skdistilbert.inspection.explained_output import ExplainedOutput
    from skdistilbert.inspection.explained_text import ExplainedText, Groups
    from skdistilbert.inspection.word_spans import Span
    from skdistilbert.tasks.pair_input import TextOrPair

    Scores = NDArray[np.float64]

# A text of more words is first occluded by passage. It has at most this number of passages.
MAX_WORDS = 60
# Variants of texts in one call of the estimator, which bounds the memory.
VARIANTS_PER_CALL = 2048


class Occlusion:
    """The effects of hiding words, computed in few calls of the estimator.

    Parameters
    ----------
    replacement : str
        The text that replaces a hidden word: [MASK], or "" to remove the word.
    refine_passages : bool
        Whether to hide only the words of the most important passages one by one if a text has more
        than `MAX_WORDS` words. False for sentences.
    """

    def __init__(self, replacement: str, *, refine_passages: bool) -> None:
        self._replacement, self._refine_passages = replacement, refine_passages

    def first_variants(self, texts: list[ExplainedText]) -> Iterator[TextOrPair]:
        """Yield the variants of texts that do not depend on any score."""
        return (variant for variant, _ in self._variants(texts, self._first_groups(texts)))

    def explanations(
        self, texts: list[ExplainedText], output: ExplainedOutput
    ) -> list[Explanation]:
        """Return the effect of each unit, and the score without any word."""
        groups = self._first_groups(texts)
        effects = self._effects(texts, groups, output)
        bases = [
            text.score - float(effect[0]) for text, effect in zip(texts, effects, strict=True)
        ]
        groups, effects = [of_text[1:] for of_text in groups], [effect[1:] for effect in effects]
        if self._refine_passages:
            effects = self._word_effects(texts, groups, effects, output)
        return list(map(Explanation, effects, bases))

    def _first_groups(self, texts: list[ExplainedText]) -> list[Groups]:
        """Return all words of each text as a group, and its passages or units."""
        return [
            [[*range(len(text.words))], *(passages(text) if self._refine_passages else text.units)]
            for text in texts
        ]

    def _hidden(self, text: ExplainedText, groups: Groups) -> Groups:  # noqa: ARG002
        """Return the groups of words to hide to compute the effects of some groups."""
        return groups

    def _combine(self, falls: Scores) -> Scores:
        """Return the effects of groups, given the falls of the score for `_hidden` groups."""
        return falls

    def _variants(
        self, texts: list[ExplainedText], groups: list[Groups]
    ) -> Iterator[tuple[TextOrPair, ExplainedText]]:
        for text, of_text in zip(texts, groups, strict=True):
            for hidden in self._hidden(text, of_text):
                yield hide(text, hidden, self._replacement), text

    def _effects(
        self, texts: list[ExplainedText], groups: list[Groups], output: ExplainedOutput
    ) -> list[Scores]:
        """Return the effects of hiding groups of words, (n_groups,) for each text."""
        variants = self._variants(texts, groups)
        falls = np.concatenate([np.empty(0), *_falls_in_blocks(variants, output)])
        sizes = [
            len(self._hidden(text, of_text)) for text, of_text in zip(texts, groups, strict=True)
        ]
        return list(map(self._combine, np.split(falls, np.cumsum(sizes))[:-1]))

    def _word_effects(
        self,
        texts: list[ExplainedText],
        groups: list[Groups],
        effects: list[Scores],
        output: ExplainedOutput,
    ) -> list[Scores]:
        """Return the effect of each word, (n_words,), given the effects of the passages.

        The words of the most important passages of a long text are hidden one by one. All other
        words have an equal share of the effect of their passage.
        """
        refined = [
            words_to_refine(of_text, effect, len(text.words))
            for text, of_text, effect in zip(texts, groups, effects, strict=True)
        ]
        exact = self._effects(texts, [[[word] for word in words] for words in refined], output)
        values = []
        for of_text, effect, words, of_words in zip(groups, effects, refined, exact, strict=True):
            sizes = [len(group) for group in of_text]
            values.append(np.repeat(effect / sizes, sizes))
            values[-1][words] = of_words
        return values


def _falls_in_blocks(
    variants: Iterator[tuple[TextOrPair, ExplainedText]], output: ExplainedOutput
) -> Iterator[Scores]:
    """Yield by how much the scores of texts fall in their variants."""
    while block := list(islice(variants, VARIANTS_PER_CALL)):
        scores = output.scores([variant for variant, _ in block])
        columns = [text.column for _, text in block]
        yield [text.score for _, text in block] - scores[np.arange(len(block)), columns]


def hide(text: ExplainedText, hidden: Sequence[int], replacement: str) -> TextOrPair:
    """Return the text with a replacement for each of the hidden words, in ascending order."""
    words = [text.words[index] for index in hidden]
    singles = tuple(
        _hide([word for word in words if word.segment == segment], single, replacement)
        for segment, single in enumerate(split_pair(text.text))
    )
    return singles[0] if len(singles) == 1 else (singles[0], singles[1])


def _hide(words: list[Span], text: str, replacement: str) -> str:
    parts, stop = [], 0
    for word in words:
        parts += [text[stop : word.start], replacement]
        stop = word.stop
    return "".join([*parts, text[stop:]])


def passages(text: ExplainedText) -> Groups:
    """Return each word as a group; in long texts at most `MAX_WORDS` groups of neighbours.

    The groups of a long text are sentences. Longer sentences are split, and if there are too
    many, neighbours are joined.
    """
    if len(text.words) <= MAX_WORDS:
        return text.units
    groups = [
        sentence[start : start + MAX_WORDS]
        for sentence in group_into_sentences(text.text, text.words)
        for start in range(0, len(sentence), MAX_WORDS)
    ]
    n_joined = -(-len(groups) // MAX_WORDS)
    return [
        list(chain.from_iterable(groups[start : start + n_joined]))
        for start in range(0, len(groups), n_joined)
    ]


def words_to_refine(groups: Groups, effects: Scores, n_words: int) -> list[int]:
    """Return the words of the groups of largest effect: one group, or more up to `MAX_WORDS`.

    Nothing is left to refine if each word is a group.
    """
    if len(groups) == n_words:
        return []
    first, *others = np.argsort(-np.abs(effects), kind="stable")
    words = list(groups[first])
    for index in others:
        if len(words) + len(groups[index]) > MAX_WORDS:
            break
        words += groups[index]
    return words
