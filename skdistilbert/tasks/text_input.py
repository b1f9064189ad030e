"""Validate the texts that users pass to functions and estimators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

import numpy as np

from skdistilbert.tokenization.normalization import lone_surrogate_message

Missing = Literal["error", "empty"]
Text = str | list[str] | tuple[str, ...]  # running text, or its words

ABOUT_PAIRS = (
    "Only classify, score_pairs, DistilBertClassifier, DistilBertRegressor and fit of "
    "DistilBertContrastiveEmbedder accept pairs, and only if all rows are pairs, such as "
    "(text, text_pair) or frame[['text', 'text_pair']]."
)


def check_texts(
    X: object, missing: Missing | None = None, *, noun: str = "text", allow_empty: bool = True
) -> list[str]:
    """Return the texts as a list.

    Parameters
    ----------
    X : iterable of str
        Any ordered collection or generator, which is read once; or a Series or one-column frame
        of pandas or polars, an Arrow array, or an array of shape (n_texts,) or (n_texts, 1).
    missing : {"error", "empty"}, default=None
        Whether None, NaN, pandas.NA and pandas.NaT raise an error or are read as empty texts.
        None treats them like other values that are not strings.
    noun : str, default="text"
        The noun for a text in error messages.
    allow_empty : bool, default=True
        Accept a collection without texts.

    Raises
    ------
    ValueError
        If `X` is a string or has no texts, or a text is missing or contains a lone surrogate; the
        message names the rows.
    TypeError
        If `X` is not an ordered collection or has several columns, or a text is not a string; the
        message names the rows.
    """
    texts = as_list(X, noun)
    check_options(missing, texts, allow_empty=allow_empty)
    return check_strings(texts, missing, noun)


def check_options(missing: Missing | None, rows: list[Any], *, allow_empty: bool) -> None:
    """Raise ValueError unless `missing` is valid and there are rows where they are required."""
    if missing not in (None, *get_args(Missing)):
        raise ValueError(f"missing must be 'error' or 'empty'; got {missing!r}.")
    if not rows and not allow_empty:  # the message of scikit-learn's own checks
        raise ValueError(
            "Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required."
        )


def check_strings(texts: list[Any], missing: Missing | None, noun: str) -> list[str]:
    """Return texts with "" for missing ones if `missing` allows them; raise as `check_texts`."""
    if set(map(type, texts)) != {str}:
        texts = _fill_missing(texts, missing, noun)
    try:
        for row, text in enumerate(texts):  # noqa: B007
            text.encode()
    except UnicodeEncodeError:
        name = "Row" if noun.split()[-1] == "text" else noun.capitalize()
        check_characters(text, f"{name} {row}")
    return texts


def check_rows(X: object) -> list[Text]:
    """Return the texts of a collection in which lists and arrays are texts split into words.

    Raises
    ------
    ValueError, TypeError
        As in `check_texts`.
    """
    rows: list[Any] = as_list(X)
    for row, text in enumerate(rows):
        if hasattr(text, "__array__") and np.ndim(text) == 1:  # of a column of lists
            rows[row] = text = np.asarray(text, dtype=object).tolist()
        if isinstance(text, list | tuple):
            for index, word in enumerate(text):
                _check_string(word, f"Row {row}: word {index}")
        else:
            _check_string(text, f"Row {row}")
    return rows


def check_characters(text: str, name: str) -> None:
    """Raise ValueError if a text contains a lone surrogate, which is not a character."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise ValueError(f"{name}: {lone_surrogate_message(code)}") from None


def as_list(X: object, noun: str = "text", max_columns: int = 1) -> list[Any]:
    """Return the rows of an ordered collection without checking them.

    A row of one column is its value. With ``max_columns=2``, a row of two columns is a list.
    """
    if isinstance(X, str):  # the message of scikit-learn's vectorizers
        raise ValueError(
            "Iterable over raw text documents expected, string object received. Pass a list; "
            "for one text, pass [text]."
        )
    if hasattr(X, "__array__") and not isinstance(X, bytes):
        return _columns_as_list(X, noun, max_columns)
    is_unordered = isinstance(X, bytes | Mapping | set | frozenset) or hasattr(X, "keys")
    if not isinstance(X, Iterable) or is_unordered:
        raise TypeError(
            f"Expected an ordered iterable of {noun}s, such as a list or a Series; got {X!r:.99} "
            f"of type {type(X).__name__}. Pass a list of strings."
        )
    return list(X)


def format_rows(rows: list[int]) -> str:
    """Return the numbers of up to five rows for a message, such as "rows 0, 4, 7"."""
    named = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    return f"row{'s' if len(rows) > 1 else ''} {named}"


def _columns_as_list(X: object, noun: str, max_columns: int) -> list[Any]:
    # Series, frames and Arrow arrays become arrays much faster than lists. A masked array must
    # not lose its mask.
    texts = X if isinstance(X, np.ndarray) else np.asarray(X, dtype=object)
    if texts.ndim == 1 or (texts.ndim == 2 and texts.shape[1] == 1):
        return list(texts.ravel().tolist())
    if texts.ndim == 2 and texts.shape[1] == max_columns:
        return list(texts.tolist())
    raise TypeError(
        f"Expected one column of {noun}s{' or two of pairs' if max_columns == 2 else ''}; got "
        f"{type(X).__name__} of shape {texts.shape}. Select one column, such as frame['text']. To "
        "use several columns, pass one estimator per column to ColumnTransformer, with the "
        f"column's name as a string. {ABOUT_PAIRS}"
    )


def _check_string(text: object, name: str) -> None:
    if not isinstance(text, str):
        raise TypeError(
            f"{name} must be a string; got {text!r:.99} of type {type(text).__name__}."
        )
    check_characters(text, name)


def _fill_missing(texts: list[Any], missing: Missing | None, noun: str) -> list[str]:
    """Return the texts with "" for missing ones, or raise if some are not strings."""
    others = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    lost = [row for row in others if missing and is_missing(texts[row])]
    wrong = sorted({*others}.difference(lost))
    if wrong:
        first = texts[wrong[0]]
        about_pairs = f" {ABOUT_PAIRS}" if isinstance(first, list | tuple | dict) else ""
        raise TypeError(
            f"Every {noun} must be a string; {count_rows(wrong, texts, noun)} not (the first is "
            f"{first!r:.100}, of type {type(first).__name__}).{about_pairs}"
        )
    if lost and missing == "error":
        raise ValueError(
            f"{count_rows(lost, texts, noun)} missing (None, NaN or NA). Fill in or drop these "
            "rows, or set missing='empty' to read them as empty texts."
        )
    for row in lost:
        texts[row] = ""
    return texts


def is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, pandas.NA or pandas.NaT."""
    if value is None or type(value).__name__ == "NAType":  # comparing pandas.NA returns NA
        return True
    differs = value != value  # true for NaN and NaT only
    return isinstance(differs, bool | np.bool) and bool(differs)


def count_rows(rows: list[int], texts: list[Any], noun: str) -> str:
    """Return a subject and verb for a message, such as "2 of 9 texts (rows 0, 4) are"."""
    verb = "is" if len(rows) == 1 else "are"
    return f"{len(rows)} of {len(texts)} {noun}s ({format_rows(rows)}) {verb}"
