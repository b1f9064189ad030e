"""Texts to token ids that fit the model, in pieces that bound the memory."""

from __future__ import annotations

import sys
import warnings
from numbers import Integral
from typing import TYPE_CHECKING

from skdistilbert.exceptions import TruncationWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from types import FrameType

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.nn.packing import IntArray
    from skdistilbert.tokenization import WordPieceTokenizer

# Enough texts to sort by length and share out well; few enough that their ids cost nothing.
TEXTS_AT_A_TIME = 4096


def check_max_length(max_length: int | None, config: DistilBertConfig) -> int:
    """Give the number of tokens to cut texts to: `max_length`, or all the model has."""
    longest = config.max_position_embeddings
    if max_length is None:
        return longest
    if not isinstance(max_length, Integral) or not 2 <= max_length <= longest:
        raise ValueError(
            f"max_length must be an integer between 2, for [CLS] and [SEP], and {longest}, the "
            f"model's max_position_embeddings; got {max_length}."
        )
    return max_length


def encode_in_pieces(
    tokenizer: WordPieceTokenizer, texts: Sequence[str], max_length: int, prompt: str = ""
) -> Iterator[tuple[slice, Sequence[IntArray]]]:
    """Yield which texts, and their token ids; warn once, at the end, if any had to be cut.

    The rest is as in `encode_noting_truncation`.
    """
    truncated: list[int] = []
    yield from encode_noting_truncation(tokenizer, texts, max_length, truncated, prompt)
    warn_of_truncation(len(truncated), len(texts), max_length)


def encode_noting_truncation(
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    max_length: int,
    truncated: list[int],
    prompt: str = "",
) -> Iterator[tuple[slice, Sequence[IntArray]]]:
    """Yield which texts, and their token ids; add the rows of those that were cut to a list.

    The prompt comes before every text.

    Raises
    ------
    TypeError
        If a text is no string; the message gives its row.
    """
    for start in range(0, len(texts), TEXTS_AT_A_TIME):
        rows = slice(start, start + TEXTS_AT_A_TIME)
        encoded = tokenizer.encode_ragged(
            with_prompt(prompt, texts[rows]), max_length=max_length, first_row=start
        )
        truncated += encoded.truncated_rows
        yield rows, encoded.input_ids


def warn_of_truncation(n_truncated: int, n_texts: int, max_length: int) -> None:
    """Warn that texts were cut, if any were."""
    if n_truncated:
        warnings.warn(
            f"{n_truncated} of {n_texts} texts have more than max_length={max_length} tokens; "
            "what stands after that was not read.",
            TruncationWarning,
            stacklevel=stacklevel_of_caller(),
        )


def with_prompt(prompt: str, texts: Iterable[str]) -> Iterable[str]:
    """Put the prompt before every text; what is no string is left for the tokenizer to name."""
    if not prompt:
        return texts
    return (prompt + text if isinstance(text, str) else text for text in texts)


def stacklevel_of_caller() -> int:
    """Return the `stacklevel` of the first frame outside of this package and scikit-learn."""
    level, frame = 0, sys._getframe()
    while frame.f_back is not None and _is_of_library(frame):
        level, frame = level + 1, frame.f_back
    return level


def _is_of_library(frame: FrameType) -> bool:
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    return package in ("skdistilbert", "sklearn", "joblib")
