"""Validate texts that may be pairs: a question and its answer, a premise and a hypothesis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from skdistilbert.tasks.text_input import (
    ABOUT_PAIRS,
    as_list,
    check_options,
    check_strings,
    count_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.tasks.text_input import Missing

TextOrPair = str | tuple[str, str]


PairDict = dict[str, str]  # with the keys "text" and "text_pair", as in transformers' pipelines
# Arrays and frames of two columns are accepted, too.
Pairs = Iterable[tuple[str, str]] | Iterable[list[str]] | Iterable[PairDict]
Texts = Iterable[str] | Pairs


def check_texts_or_pairs(
    X: object, missing: Missing | None = None, *, allow_empty: bool = True
) -> list[TextOrPair]:
    """Return single texts as strings, or pairs of texts as tuples.

    Parameters
    ----------
    X : iterable of str, of (str, str) or of dict
        Single texts as in `check_texts`, or pairs: tuples or lists of two strings, dicts with the
        keys "text" and "text_pair", an array of shape (n_pairs, 2), or a frame with two columns.
    missing : {"error", "empty"}, default=None
        As in `check_texts`, for both texts of a pair.
    allow_empty : bool, default=True
        Accept a collection without texts.

    Raises
    ------
    ValueError, TypeError
        For the reasons of `check_texts`, or if only some rows are pairs. The message names the
        rows.
    """
    rows = as_list(X, max_columns=2)
    check_options(missing, rows, allow_empty=allow_empty)
    if not rows or not isinstance(rows[0], list | tuple | dict):
        return [*check_strings(rows, missing, "text")]
    firsts, seconds = zip(*_as_tuples(rows), strict=True)
    checked = (
        check_strings([*texts], missing, noun)
        for texts, noun in ((firsts, "first text"), (seconds, "second text"))
    )
    return [*zip(*checked, strict=True)]


def are_pairs(texts: Sequence[TextOrPair]) -> bool:
    """Return whether validated texts are pairs."""
    return bool(texts) and isinstance(texts[0], tuple)


def check_single_texts(texts: Sequence[TextOrPair]) -> None:
    """Raise ValueError if texts that are to be read in windows are pairs."""
    if are_pairs(texts):
        raise ValueError(
            "long_text must be 'truncate' for pairs of texts, because only single texts are read "
            "in windows; got 'window'."
        )


def _as_tuples(rows: list[Any]) -> list[tuple[Any, ...]]:
    """Return pairs as tuples, or raise TypeError unless all rows are pairs."""
    pairs = [_as_tuple(row) for row in rows]
    wrong = [row for row, pair in enumerate(pairs) if len(pair) != 2]
    if wrong:
        first = rows[wrong[0]]
        raise TypeError(
            f"Every row must be a pair of texts, because row 0 is a {type(rows[0]).__name__}; "
            f"{count_rows(wrong, rows, 'row')} not (the first is {first!r:.100}, of type "
            f"{type(first).__name__}). {ABOUT_PAIRS}"
        )
    return pairs


def _as_tuple(row: object) -> tuple[Any, ...]:
    """Return the texts of a pair, or an empty tuple for a row that is no pair."""
    if isinstance(row, dict):
        return (row["text"], row["text_pair"]) if row.keys() == {"text", "text_pair"} else ()
    return tuple(row) if isinstance(row, list | tuple) else ()
