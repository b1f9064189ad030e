"""Validation of the texts that an estimator receives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from sklearn.utils import check_array

from skdistilbert.tokenization.normalization import about_lone_surrogate

Missing = Literal["error", "empty"]


def check_texts(X: object, missing: Missing = "error") -> list[str]:
    """Return the texts as a list, or raise.

    Parameters
    ----------
    X : iterable of str
        Also anything that NumPy can read: Series and one-column frames of pandas and polars,
        Arrow arrays, and arrays of shape (n_texts,) or (n_texts, 1).
    missing : {"error", "empty"}
        What to do with None, NaN, pandas.NA and pandas.NaT.

    Raises
    ------
    ValueError
        If `X` is a single string, is empty or has several columns, or if a text is missing or has
        a lone surrogate; the message names the rows.
    TypeError
        If `X` is no ordered collection, or an item is no string; the message names the rows.
    """
    texts = _as_list(X)
    if not texts:
        check_array(texts, ensure_2d=False)  # raises scikit-learn's usual error
    if set(map(type, texts)) != {str}:
        texts = _fill_missing(texts, missing)
    for row, text in enumerate(texts):
        check_characters(text, f"Row {row}")
    return texts


def check_characters(text: str, name: str) -> None:
    """Raise ValueError if a text has a lone surrogate, which is no character."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise ValueError(f"{name}: {about_lone_surrogate(code)}") from None


def _as_list(X: object) -> list[str]:
    if isinstance(X, str):
        raise ValueError(
            "Iterable over raw text documents expected, string object received. Put a single text "
            f"into a list; got {X!r:.99}."
        )
    if hasattr(X, "__array__") and not isinstance(X, bytes):
        return _column_as_list(X)
    if not isinstance(X, Iterable) or isinstance(X, bytes | Mapping | set | frozenset):
        raise TypeError(
            f"X must be an ordered iterable of texts, such as a list; got {type(X).__name__}."
        )
    return list(X)


def _column_as_list(X: object) -> list[str]:
    # Converting Series, frames and Arrow arrays to arrays is much faster than to lists. A masked
    # array must stay masked.
    texts = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    if texts.ndim != 1 and (texts.ndim != 2 or texts.shape[1] != 1):
        raise ValueError(
            f"X must be one column of texts; got {type(X).__name__} of shape {texts.shape}. "
            "Select a column, such as X['text'], or use the estimator in a ColumnTransformer: "
            "ColumnTransformer([('text', DistilBertEmbedder(), 'text')])."
        )
    return list(texts.ravel().tolist())


def _fill_missing(texts: list[str], missing: Missing) -> list[str]:
    """Replace missing texts, or raise; also raise if an item is no string."""
    others = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    lost = [row for row in others if _is_missing(texts[row])]
    if len(others) > len(lost):
        wrong = sorted({*others}.difference(lost))
        first = texts[wrong[0]]
        raise TypeError(
            f"Every text must be a string; {_name(wrong, texts)} not (the first is "
            f"{first!r:.100}, of type {type(first).__name__})."
        )
    if lost and missing == "error":
        raise ValueError(
            f"{_name(lost, texts)} missing (None, NaN or NA). Fill or remove them, or set "
            "missing='empty' to read them as empty texts."
        )
    for row in lost:
        texts[row] = ""
    return texts


def _is_missing(value: object) -> bool:
    if value is None or type(value).__name__ == "NAType":  # pandas.NA != pandas.NA is NA
        return True
    # Only NaN and NaT differ from themselves.
    differs = value != value
    return isinstance(differs, bool | np.bool) and bool(differs)


def _name(rows: list[int], texts: list[str]) -> str:
    named = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    return f"{len(rows)} of {len(texts)} texts (row {named}) {'is' if len(rows) == 1 else 'are'}"
