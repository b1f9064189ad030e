"""Validate texts that are split into words, and the labels of their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_consistent_length

from skdistilbert.tasks.text_input import as_list, check_characters, is_missing

if TYPE_CHECKING:
    from skdistilbert.tasks.text_input import Missing


def check_words(X: object, missing: Missing = "error") -> list[list[str]]:
    """Return the words of each text as lists.

    Parameters
    ----------
    X : iterable of lists of str
        Any ordered collection or generator, which is read once; or a Series or one-column frame of
        pandas or polars, Arrow lists, an array of lists, or an array of shape (n_texts, n_words).
    missing : {"error", "empty"}, default="error"
        Whether missing texts and words raise an error, or are read as texts without words and as
        empty words.

    Raises
    ------
    ValueError, TypeError
        If `X` is not such a collection, or a text or a word is not valid; the message names the
        rows.
    """
    texts = _as_lists(X, "word list")
    if not texts:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    return [_check_text(text, row, missing) for row, text in enumerate(texts)]


def check_word_labels(y: object, texts: list[list[str]]) -> list[list[str]]:
    """Return the labels of the words of each text; a text without words may have None.

    Raises
    ------
    ValueError, TypeError
        If `y` has another number of labels, or a label is not a string; the message names the row.
    """
    labels = _as_lists(y, "label list")
    check_consistent_length(texts, labels)
    checked = []
    for row, (words, text_labels) in enumerate(zip(texts, labels, strict=True)):
        if not words and is_missing(text_labels):
            text_labels = []
        if isinstance(text_labels, str):
            raise TypeError(
                f"Row {row}: the labels must be a list of str; got {text_labels!r:.99}."
            )
        checked.append(as_list(text_labels, "label"))
        if len(words) != len(checked[-1]):
            raise ValueError(
                f"Row {row}: every word must have one label; got {len(words)} words and "
                f"{len(checked[-1])} labels."
            )
        wrong = [label for label in checked[-1] if not isinstance(label, str)]
        if wrong:
            raise TypeError(f"Row {row}: every label must be a string; got {wrong[0]!r:.99}.")
    return checked


def check_classes(classes: object) -> list[str]:
    """Return all labels; raise TypeError if one is not a string."""
    labels = as_list(classes, "label")
    wrong = [label for label in labels if not isinstance(label, str)]
    if wrong:
        raise TypeError(f"Every label in classes must be a string; got {wrong[0]!r:.99}.")
    return labels


def _as_lists(X: object, noun: str) -> list[Any]:
    if isinstance(X, str):
        raise ValueError(
            f"Expected an iterable with a {noun} for each text, string object received: {X!r:.99}."
        )
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.size and isinstance(X.flat[0], str):
        return list(X.tolist())
    return as_list(X, noun)


def _check_text(text: object, row: int, missing: Missing) -> list[str]:
    if is_missing(text):
        _check_may_be_missing(f"Row {row}: the text", missing)
        return []
    if isinstance(text, str):
        raise TypeError(
            f"Row {row}: a text must be a list of words; got {text!r:.99}. Split each text into "
            "words, or pass the texts to predict_entities of a fitted estimator."
        )
    words = as_list(text, "word")
    for index, word in enumerate(words):
        name = f"Row {row}: word {index}"
        if isinstance(word, str):
            check_characters(word, name)
        elif is_missing(word):
            _check_may_be_missing(name, missing)
            words[index] = ""
        else:
            raise TypeError(f"{name} must be a string; got {word!r:.99}.")
    return words


def _check_may_be_missing(name: str, missing: Missing) -> None:
    if missing == "error":
        raise ValueError(
            f"{name} is missing (None, NaN or NA). Fill it in or drop the row, or set "
            "missing='empty' to read missing texts as [] and missing words as ''."
        )
