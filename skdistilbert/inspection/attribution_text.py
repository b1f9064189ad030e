"""Attributions as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.inspection.word_spans import split_pair

if TYPE_CHECKING:
    from skdistilbert.inspection.attribution import Attribution

# Columns and rows of the terminal output for one text.
TOP, BAR_WIDTH, WORD_WIDTH = 10, 20, 40


def most_important(record: Attribution, top: int) -> list[int]:
    """Return the indices of the words with the largest values, largest first."""
    return [int(index) for index in np.argsort(-np.abs(record.values), kind="stable")[:top]]


def title_of(record: Attribution) -> str:
    """Return the prediction and the explained target and score."""
    if record.target is None and record.prediction == record.score:  # the number of a regressor
        return f"Prediction: {_number(record.score)}, base value {_number(record.base_value)}"
    title = f"Prediction: {_shown(record.prediction)}"
    if record.target is not None and record.target != record.prediction:
        title += f", explained for {_shown(record.target)}"
    if record.probability is not None:
        title += f", probability {record.probability:.2f}"
    return f"{title}, score {record.score:.2f}, base value {record.base_value:.2f}"


def shortened(text: str, width: int) -> str:
    """Return the text on one line with at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3]}..."


def lines_of(record: Attribution, row: int) -> list[str]:
    """Return the prediction of a text and its most important words, with bars."""
    text = shortened(" | ".join(split_pair(record.text)), 90)
    lines = [f"{row}: {text}", f"   {title_of(record)}"]
    if record.reason is not None:
        lines.append(f"   {record.reason}")
    best = most_important(record, TOP)
    words = [shortened(record.words[index], WORD_WIDTH) for index in best]
    width = max(map(len, words), default=0)
    for word, value in zip(words, record.values[best].tolist(), strict=True):
        n_marks = round(BAR_WIDTH * abs(value) / (abs(record.values[best[0]]) or 1))
        lines.append(f"   {word:<{width}} {value:+8.3f} {'+-'[value < 0] * n_marks}")
    return [line.rstrip() for line in lines]


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
