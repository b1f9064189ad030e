"""Tokenise texts in batches, which limits the memory for token ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.exceptions import TruncationWarning, warn_user
from skdistilbert.tasks.text_input import format_rows
from skdistilbert.tokenization.ragged import encode_ragged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skdistilbert.nn.packing import IntArray
    from skdistilbert.tokenization import RaggedEncoding, WordPieceTokenizer

# Enough texts to sort by length and to distribute over threads; their ids need little memory.
TEXTS_PER_BATCH = 4096

# Remedies for truncated texts.
SPLIT_TEXTS = "Split long texts to read them completely."
USE_WINDOWS = 'Use long_text="window" to read them completely.'


def encode_in_batches(
    tokenizer: WordPieceTokenizer, texts: Sequence[str], max_length: int, prompt: str = ""
) -> Iterator[tuple[slice, RaggedEncoding]]:
    """Yield the rows of each batch and their truncated token ids, with a prompt before each text.

    The encoding counts its truncated rows from the first row of all texts.
    """
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        rows = slice(start, start + TEXTS_PER_BATCH)
        batch = [prompt + text for text in texts[rows]] if prompt else texts[rows]
        yield rows, encode_ragged(tokenizer, batch, max_length=max_length, first_row=start)


def encode_with_warning(
    tokenizer: WordPieceTokenizer, texts: Sequence[str], max_length: int
) -> Iterator[tuple[slice, Sequence[IntArray]]]:
    """Yield the rows of each batch and their token ids; finally warn if texts were truncated."""
    truncated_rows: list[int] = []
    for rows, encoded in encode_in_batches(tokenizer, texts, max_length):
        truncated_rows += encoded.truncated_rows
        yield rows, encoded.input_ids
    warn_truncated(truncated_rows, len(texts), f"max_length={max_length}")


def warn_truncated(
    rows: list[int],
    n_texts: int,
    limit: str,
    *,
    noun: str = "text",
    remedy: str = SPLIT_TEXTS,
) -> None:
    """Warn that the texts in some rows were truncated to a limit such as "max_length=128"."""
    if rows:
        warn_user(
            f"{len(rows)} of {n_texts} {noun}s {'was' if len(rows) == 1 else 'were'} truncated to "
            f"{limit} tokens ({format_rows(rows)}). {remedy}",
            TruncationWarning,
        )
