"""Encode many texts as arrays of different lengths, the input of models."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skdistilbert.tokenization.id_bytes import ID_SIZE, to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from skdistilbert.tokenization.tokenizer import WordPieceTokenizer


class RaggedEncoding(NamedTuple):
    """Token ids of several texts, without padding.

    Attributes
    ----------
    input_ids : list of int32 ndarrays of shape (n_tokens,)
        Read-only.
    truncated_rows : list of int
        Rows of the texts that were truncated.
    """

    input_ids: list[NDArray[np.int32]]
    truncated_rows: list[int]


def encode_ragged(
    tokenizer: WordPieceTokenizer,
    texts: Iterable[str],
    *,
    add_special_tokens: bool = True,
    max_length: int | None = None,
    first_row: int = 0,
) -> RaggedEncoding:
    """Return the token ids of several texts as arrays of different lengths.

    Parameters
    ----------
    tokenizer : WordPieceTokenizer
    texts : iterable of str
    add_special_tokens : bool, default=True
    max_length : int, default: no limit
        Truncate longer texts to this number of tokens, including special tokens.
    first_row : int, default=0
        Row number of the first text, for `truncated_rows` and for error messages.

    Raises
    ------
    TypeError, ValueError
        If a text is not a string or contains a lone surrogate. The message names its row.
    """
    before, after = tokenizer._special_ids(add_special_tokens)
    room = None if max_length is None else tokenizer._room(max_length, len(before + after))
    max_bytes = None if room is None else room * ID_SIZE
    first, last = to_bytes(before), to_bytes(after)
    rows: list[bytes] = []
    truncated_rows: list[int] = []
    for row, text in enumerate(texts, first_row):
        try:
            ids = tokenizer._pipeline.id_bytes(text)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Row {row}: {error}") from None
        if max_bytes is not None and len(ids) > max_bytes:
            ids = tokenizer._keep(ids, max_bytes)
            truncated_rows.append(row)
        rows.append(first + ids + last)
    return RaggedEncoding(_as_arrays(rows), truncated_rows)


def _as_arrays(rows: list[bytes]) -> list[NDArray[np.int32]]:
    """Return rows as views of one array, which takes a third of the time of separate arrays."""
    bounds = accumulate([len(row) // ID_SIZE for row in rows], initial=0)
    ids = np.frombuffer(b"".join(rows), np.int32)
    return [ids[start:stop] for start, stop in pairwise(bounds)]
