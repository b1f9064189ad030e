"""Warn about texts whose tokens are mostly [UNK]."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.exceptions import UnknownTokenWarning, warn_user
from skdistilbert.tasks.text_input import format_rows
from skdistilbert.tokenization.ragged import encode_ragged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.tokenization import WordPieceTokenizer

# Tokenising this part of the texts takes a few milliseconds at most.
MAX_TEXTS = 256
MAX_CHARACTERS = 1000
# Emoji in a few texts are no reason to warn.
MIN_SHARE = 0.1


def warn_unknown(
    tokenizer: WordPieceTokenizer, texts: Sequence[str | Sequence[str]], *, noun: str = "text"
) -> None:
    """Warn if more than half of the tokens are [UNK] in at least a tenth of the texts.

    Only the first characters of at most `MAX_TEXTS` texts at equal distances are read.

    Parameters
    ----------
    tokenizer : WordPieceTokenizer
    texts : sequence of str or of sequences of str
        Texts, pairs of texts, or texts split into words.
    noun : str, default="text"
        The noun for a text in the warning.
    """
    step = max(1, -(-len(texts) // MAX_TEXTS))
    read = [text if isinstance(text, str) else " ".join(text) for text in texts[::step]]
    rows = [row * step for row in _mostly_unknown(tokenizer, read)]
    if rows and len(rows) >= MIN_SHARE * len(read):
        which = f"{noun}s" if step == 1 else f"{noun}s that were checked"
        warn_user(
            f"Most tokens of {len(rows)} of {len(read)} {which} ({len(rows) / len(read):.0%}, "
            f"{format_rows(rows)}) are {tokenizer.unk_token}: the vocabulary does not contain "
            f"their words, so the model cannot tell such {noun}s apart. Use a model for their "
            "language or script.",
            UnknownTokenWarning,
        )


def _mostly_unknown(tokenizer: WordPieceTokenizer, texts: list[str]) -> list[int]:
    """Return the rows of the texts in which more than half of the tokens are [UNK]."""
    starts = [text[:MAX_CHARACTERS] for text in texts]
    input_ids = encode_ragged(tokenizer, starts, add_special_tokens=False).input_ids
    lengths = np.array([len(ids) for ids in input_ids], np.intp)
    is_unknown = np.concatenate([*input_ids, []]) == tokenizer.unk_token_id
    row_of_token = np.repeat(np.arange(len(texts)), lengths)
    n_unknown = np.bincount(row_of_token[is_unknown], minlength=len(texts))
    rows: list[int] = np.flatnonzero(2 * n_unknown > lengths).tolist()
    return rows
