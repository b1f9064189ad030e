"""Cutting one text or a pair to a number of tokens, with transformers' strategies."""

from __future__ import annotations

from typing import Literal

Truncation = Literal["longest_first", "only_first", "only_second"]
STRATEGIES = (False, True, "longest_first", "only_first", "only_second")


def check_truncation(truncation: bool | str) -> Truncation | None:
    """Give the strategy that a `truncation=` argument means; True is "longest_first"."""
    if truncation not in STRATEGIES:
        raise ValueError(f"truncation must be one of {STRATEGIES}; got {truncation!r}.")
    if truncation is False:
        return None
    return "longest_first" if truncation is True else truncation  # type: ignore[return-value]


def truncated_lengths(
    n_first: int, n_second: int, max_length: int, strategy: Truncation
) -> tuple[int, int]:
    """Give how much of two texts to keep, so that together they have `max_length` tokens.

    Raises
    ------
    ValueError
        If the text that the strategy cuts is too short for it.
    """
    excess = n_first + n_second - max_length
    if excess <= 0:
        return n_first, n_second
    if strategy == "longest_first":
        return _longest_first(n_first, n_second, max_length)
    length = n_first if strategy == "only_first" else n_second
    if excess >= length:
        raise ValueError(
            f"truncation={strategy!r} can't cut {excess} tokens from a text of {length}; use "
            "'longest_first' or a larger max_length."
        )
    return (n_first - excess, n_second) if strategy == "only_first" else (n_first, length - excess)


def _longest_first(n_first: int, n_second: int, max_length: int) -> tuple[int, int]:
    """Keep the shorter text whole if the longer can give all, else halve (as in `tokenizers`)."""
    shorter = min(n_first, n_second)
    kept_of_longer = max(max_length - shorter, max_length - max_length // 2)
    kept_of_shorter = min(shorter, max_length - kept_of_longer)
    if n_first > n_second:
        return kept_of_longer, kept_of_shorter
    return kept_of_shorter, kept_of_longer
