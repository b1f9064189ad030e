"""Cutting one text or a pair to a number of tokens, with transformers' strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterator

Truncation = Literal["longest_first", "only_first", "only_second"]
Padding = Literal["longest", "max_length"]
STRATEGIES = (False, True, *get_args(Truncation))
PADDINGS = (False, True, *get_args(Padding))


def check_truncation(truncation: bool | str, n_texts: int) -> Truncation | None:
    """Give the strategy that a `truncation=` argument means; True is "longest_first"."""
    if truncation not in STRATEGIES:
        raise ValueError(f"truncation must be one of {STRATEGIES}; got {truncation!r}.")
    if truncation == "only_second" and n_texts == 1:
        raise ValueError("truncation='only_second' needs a text_pair, got None.")
    if not truncation:
        return None
    return truncation if isinstance(truncation, str) else "longest_first"  # type: ignore[return-value]


def check_padding(padding: bool | str) -> bool | str:
    """Refuse what `padding=` can't mean."""
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {PADDINGS}; got {padding!r}.")
    return padding


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


def windowed_text(truncation: str | None, n_texts: int) -> int:
    """Give which of one text or two to cut into windows; None means the last."""
    choices = {None: n_texts - 1, "only_first": 0, "only_second": 1}
    if truncation not in choices:
        raise ValueError(
            f"truncation must be 'only_first' or 'only_second' for windows; got {truncation!r}."
        )
    if choices[truncation] >= n_texts:
        raise ValueError("truncation='only_second' needs a text_pair, got None.")
    return choices[truncation]


def check_stride(stride: int, room: int) -> None:
    """Refuse windows that don't proceed: they need room for more than `stride` tokens."""
    if stride < 0:
        raise ValueError(f"stride must not be negative, got {stride}.")
    if stride >= room:
        raise ValueError(
            f"A window has room for {max(room, 0)} tokens of the text that is cut, too few to "
            f"overlap by stride={stride}; use a larger max_length or a smaller stride."
        )


def windows(length: int, room: int, stride: int) -> Iterator[tuple[int, int]]:
    """Give where to cut `length` tokens to windows of `room` that share `stride` tokens."""
    if length <= room:
        yield 0, length
        return
    check_stride(stride, room)
    for start in range(0, length - stride, room - stride):
        yield start, min(start + room, length)
