"""The most important words of many texts."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skdistilbert.inspection.attribution import Attribution


class WordSummary(NamedTuple):
    """A word, the sum of its values, and the number of texts that contain it."""

    word: str
    attribution: float
    n_texts: int


def summarize(attributions: Iterable[Attribution], top: int) -> dict[Any, list[WordSummary]]:
    """Return the most important words of each target; see `AttributionDisplay.summary`."""
    by_target: dict[Any, list[Attribution]] = defaultdict(list)
    for record in attributions:
        by_target[record.target].append(record)
    return {target: _most_important(records, top) for target, records in by_target.items()}


def _most_important(records: list[Attribution], top: int) -> list[WordSummary]:
    totals: dict[str, float] = defaultdict(float)
    texts: dict[str, set[int]] = defaultdict(set)
    for row, record in enumerate(records):
        for word, value in zip(record.words, record.values.tolist(), strict=True):
            totals[word.lower()] += value
            texts[word.lower()].add(row)
    words = sorted(totals, key=lambda word: (-abs(totals[word]), word))[:top]
    return [WordSummary(word, totals[word], len(texts[word])) for word in words]
