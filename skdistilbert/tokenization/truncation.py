"""Truncate one text or a pair to a number of tokens, and cut long texts into windows.

The strategies have the names and results of transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from skdistilbert.number_checks import check_at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

Truncation = Literal["longest_first", "only_first", "only_second"]
Padding = Literal["longest", "max_length"]
Side = Literal["right", "left"]
STRATEGIES = (False, True, *get_args(Truncation))
SIDES = get_args(Side)
PADDINGS = (False, True, *get_args(Padding))
_NO_SECOND_TEXT = "truncation='only_second' needs a text_pair, got None; use 'only_first'."


def check_truncation(truncation: bool | str, n_texts: int) -> Truncation | None:
    """Return the strategy of a `truncation=` argument; True is "longest_first"."""
    if truncation not in STRATEGIES:
        raise ValueError(f"truncation must be one of {STRATEGIES}; got {truncation!r}.")
    if truncation == "only_second" and n_texts == 1:
        raise ValueError(_NO_SECOND_TEXT)
    if not truncation:
        return None
    return truncation if isinstance(truncation, str) else "longest_first"  # type: ignore[return-value]


def check_padding(padding: bool | str) -> bool | str:
    """Return a `padding=` argument, or raise if it is not valid."""
    if padding not in PADDINGS:
        raise ValueError(f"padding must be one of {PADDINGS}; got {padding!r}.")
    return padding


def check_side(name: str, side: object) -> None:
    """Raise ValueError unless `side` is valid as the option `name`."""
    if side not in SIDES:
        raise ValueError(f"{name} must be 'right' or 'left'; got {side!r:.99}.")


def truncated_lengths(
    n_first: int, n_second: int, max_length: int, strategy: Truncation
) -> tuple[int, int]:
    """Return how many tokens to keep of two texts, at most `max_length` in total.

    Raises
    ------
    ValueError
        If the strategy truncates one text, and this text is too short.
    """
    excess = n_first + n_second - max_length
    if excess <= 0:
        return n_first, n_second
    if max_length == 0:  # As in `tokenizers`, with every strategy.
        return 0, 0
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
    """Keep the shorter text if it fits into one half, else halve both, as in `tokenizers`."""
    shorter = min(n_first, n_second)
    kept_of_longer = max(max_length - shorter, max_length - max_length // 2)
    kept_of_shorter = min(shorter, max_length - kept_of_longer)
    if n_first > n_second:
        return kept_of_longer, kept_of_shorter
    return kept_of_shorter, kept_of_longer


def check_stride(stride: int, room: int) -> None:
    """Raise ValueError unless windows of `room` tokens can overlap by `stride` tokens."""
    check_at_least("stride", stride, 0)
    if stride >= room:
        raise ValueError(
            f"A window has room for {max(room, 0)} tokens of the text, too few for windows that "
            f"overlap by stride={stride}; use a larger max_length or a smaller stride."
        )


def windows(length: int, room: int, stride: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of windows of `room` tokens that overlap by `stride` tokens."""
    if length <= room:
        yield 0, length
        return
    check_stride(stride, room)
    for start in range(0, length - stride, room - stride):
        yield start, min(start + room, length)
