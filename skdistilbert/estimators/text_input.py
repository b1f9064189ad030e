"""The texts that users give to an estimator."""

from __future__ import annotations

from collections.abc import Iterable


def check_texts(X: object) -> list[str]:
    """Give the texts as a list, or raise.

    Raises
    ------
    ValueError
        If `X` is a single string (in scikit-learn's own words) or empty.
    TypeError
        If `X` can't be iterated, or holds anything but strings; the rows are named.
    """
    if isinstance(X, str):
        raise ValueError("Iterable over raw text documents expected, string object received.")
    if not isinstance(X, Iterable):
        raise TypeError(f"Expected an iterable of texts; got {type(X).__name__}.")
    texts = list(X)
    if not texts:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    wrong = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    if wrong:
        rows = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        raise TypeError(
            f"Every text must be a string; {len(wrong)} of {len(texts)} are not (row {rows}; the "
            f"first is {texts[wrong[0]]!r}, of type {type(texts[wrong[0]]).__name__}). "
            "Fill missing texts with '' first."
        )
    return texts
