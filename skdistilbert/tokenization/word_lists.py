"""Encode texts that are already split into words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.tokenization.encodings import AlignedTokens, Encoding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skdistilbert.tokenization.tokenizer import WordPieceTokenizer


def encode_words(
    tokenizer: WordPieceTokenizer,
    words: Iterable[str],
    *,
    add_special_tokens: bool = True,
    max_length: int | None = None,
    truncation: bool = False,
) -> Encoding:
    """Return the tokens of a text that is already split into words.

    This equals transformers' result with ``is_split_into_words=True``: each word is encoded
    separately, `word_ids` are indices of `words`, and `offsets` are positions in each word.

    Parameters
    ----------
    tokenizer : WordPieceTokenizer
    words : iterable of str
    add_special_tokens, max_length
        As in `WordPieceTokenizer.encode`.
    truncation : bool, default=False
        Truncate longer texts.

    Raises
    ------
    TypeError, ValueError
        If `words` is a string, or if a word is not a string or contains a lone surrogate. The
        message names the index of the word.
    """
    tokens = [_align_words(tokenizer, words)]
    return tokenizer._truncate_and_join(tokens, add_special_tokens, max_length, truncation)


def _align_words(tokenizer: WordPieceTokenizer, words: Iterable[str]) -> AlignedTokens:
    if isinstance(words, str):
        raise TypeError(
            f"words must be an iterable of words; got the string {words!r:.99}. Use "
            "encode_with_offsets for a whole text."
        )
    joined = AlignedTokens([], [], [])
    for position, word in enumerate(words):
        try:
            tokens = tokenizer._pipeline.align(word)
        except (TypeError, ValueError) as error:
            raise type(error)(f"Word {position}: {error}") from None
        joined.input_ids.extend(tokens.input_ids)
        joined.offsets.extend(tokens.offsets)
        joined.word_ids.extend([position] * len(tokens.input_ids))
    return joined
