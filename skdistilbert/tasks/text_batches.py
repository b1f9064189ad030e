"""Tokenise texts in batches, which limits the memory for token ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.exceptions import TruncationWarning, warn_user
from skdistilbert.tasks.text_input import format_rows
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.tokenization.ragged import encode_ragged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tokenization import RaggedEncoding, WordPieceTokenizer

# Enough texts to sort by length and to distribute over threads; their ids need little memory.
TEXTS_PER_BATCH = 4096

# Remedies for truncated texts.
SPLIT_TEXTS = "Split long texts to read them completely."
USE_WINDOWS = 'Use long_text="window" to read them completely.'


def encode_in_batches(
    tokenizer: WordPieceTokenizer, texts: Sequence[TextOrPair], max_length: int, prompt: str = ""
) -> Iterator[tuple[slice, RaggedEncoding]]:
    """Yield the rows of each batch and their truncated token ids, with a prompt before each text.

    The encoding counts its truncated rows from the first row of all texts.
    """
    for start in range(0, len(texts), TEXTS_PER_BATCH):
        rows = slice(start, start + TEXTS_PER_BATCH)
        batch = [add_prompt(prompt, text) for text in texts[rows]] if prompt else texts[rows]
        yield rows, encode_ragged(tokenizer, batch, max_length=max_length, first_row=start)


def add_prompt(prompt: str, text: TextOrPair) -> TextOrPair:
    """Return a text with a prompt before it, or before the first text of a pair."""
    return prompt + text if isinstance(text, str) else (prompt + text[0], text[1])


def encode_with_warning(
    tokenizer: WordPieceTokenizer,
    texts: Sequence[TextOrPair],
    max_length: int,
    prompt: str = "",
    *,
    remedy: str = SPLIT_TEXTS,
) -> Iterator[tuple[slice, RaggedEncoding]]:
    """Yield the rows of each batch and their ids; warn of unknown and of truncated texts."""
    warn_unknown(tokenizer, texts)
    truncated_rows: list[int] = []
    for rows, encoded in encode_in_batches(tokenizer, texts, max_length, prompt):
        truncated_rows += encoded.truncated_rows
        yield rows, encoded
    warn_truncated(truncated_rows, texts, f"max_length={max_length}", remedy=remedy)


def warn_truncated(
    rows: list[int],
    texts: Sequence[TextOrPair],
    limit: str,
    *,
    noun: str = "",
    remedy: str = SPLIT_TEXTS,
) -> None:
    """Warn that the texts in some rows were truncated to a limit such as "max_length=128".

    Pairs are never read in windows, so the warning about pairs does not suggest windows.
    """
    if rows:
        if isinstance(texts[0], tuple) and remedy == USE_WINDOWS:
            remedy = SPLIT_TEXTS
        noun = noun or ("text" if isinstance(texts[0], str) else "pair")
        verb = "was" if len(rows) == 1 else "were"
        warn_user(
            f"{len(rows)} of {len(texts)} {noun}s {verb} truncated to {limit} tokens "
            f"({format_rows(rows)}). {remedy}",
            TruncationWarning,
        )
