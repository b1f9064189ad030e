"""Cutting one text or a pair to a number of tokens, with transformers' strategies."""

from __future__ import annotations

from typing import Literal, TypeVar

Item = TypeVar("Item")
Truncation = Literal["longest_first", "only_first", "only_second"]
STRATEGIES = (False, True, "longest_first", "only_first", "only_second")


def check_truncation(truncation: bool | str) -> Truncation | None:
    """Give the strategy that a `truncation=` argument means; True is "longest_first"."""
    if truncation not in STRATEGIES:
        raise ValueError(f"truncation must be one of {STRATEGIES}; got {truncation!r}.")
    if truncation is False:
        return None
    return "longest_first" if truncation is True else truncation  # type: ignore[return-value]


def truncate_pair(
    first: list[Item], second: list[Item], max_length: int, strategy: Truncation
) -> tuple[list[Item], list[Item]]:
    """Cut the ends of two texts so that together they have at most `max_length` items.

    Raises
    ------
    ValueError
        If the text that the strategy cuts is too short for it.
    """
    excess = len(first) + len(second) - max_length
    if excess <= 0:
        return first, second
    if strategy == "longest_first":
        n_first, n_second = _longest_first(len(first), len(second), max_length)
        return first[:n_first], second[:n_second]
    cut = first if strategy == "only_first" else second
    if excess >= len(cut):
        raise ValueError(
            f"truncation={strategy!r} can't cut {excess} tokens from a text of {len(cut)}; use "
            "'longest_first' or a larger max_length."
        )
    kept = cut[: len(cut) - excess]
    return (kept, second) if strategy == "only_first" else (first, kept)


def _longest_first(n_first: int, n_second: int, max_length: int) -> tuple[int, int]:
    """Keep the shorter text whole if the longer can give all, else halve (as in `tokenizers`)."""
    shorter = min(n_first, n_second)
    kept_of_longer = max(max_length - shorter, max_length - max_length // 2)
    kept_of_shorter = min(shorter, max_length - kept_of_longer)
    if n_first > n_second:
        return kept_of_longer, kept_of_shorter
    return kept_of_shorter, kept_of_longer
