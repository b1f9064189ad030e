"""From texts to bare token ids, the fast way."""

from __future__ import annotations

from itertools import chain, islice, repeat
from typing import TYPE_CHECKING, Literal

import numpy as np

from skdistilbert.tokenization.encoding import PaddedBatch, RaggedEncoding
from skdistilbert.tokenization.id_bytes import ID_DTYPE, ID_SIZE, bytes_of_id, ids_of
from skdistilbert.tokenization.pieces import TextIds, split_at_spaces
from skdistilbert.tokenization.state import TokenizerState, not_a_string
from skdistilbert.tokenization.truncation import (
    Padding,
    Truncation,
    check_padding,
    check_truncation,
    truncated_lengths,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# The words of so many texts are learnt at once; longer texts learn their own.
TEXTS_A_BLOCK = 256
SHORT = 10_000
# How many texts tell whether there is anything new.
SAMPLE = 5


class IdsEncoder(TokenizerState):
    """The part of the tokenizer that gives ids and nothing else."""

    def _build(self) -> None:
        super()._build()
        # Of texts encoded one by one, such as questions to a service, many come again.
        self._text_ids = TextIds(self._ids_of_text)
        self._bytes_around = bytes_of_id(self.cls_token_id), bytes_of_id(self.sep_token_id)

    def _ids_of_text(self, text: str) -> tuple[int, ...]:
        return ids_of(self._bytes_of_text(text))

    def _bytes_of_text(self, text: str, chunks: list[str] | None = None) -> bytes:
        """Give the ids of a text, which may have been split already."""
        if not isinstance(text, str):
            raise not_a_string(text)
        finder = self._finder
        # Most texts lack that character: to ask here saves them a call.
        if finder.first_character in text and finder.may_find(text):
            return self._bytes_of_segments(text)
        return self._chunk_ids.of(split_at_spaces(text) if chunks is None else chunks)

    def _bytes_of_segments(self, text: str) -> bytes:
        """Give the ids of a text that may hold added tokens."""
        ids = []
        for start, stop, token, normalized in self._finder.segments(text):
            if token:
                ids.append(bytes_of_id(token.id))
            elif normalized:
                ids.append(self._chunk_ids.of_normalized(normalized.text))
            else:
                ids.append(self._chunk_ids.of(split_at_spaces(text[start:stop])))
        return b"".join(ids)

    def _learnt(self, texts: Iterable[str]) -> Iterator[tuple[str, list[str] | None]]:
        """Pass on texts, learning the new words of many at once.

        With those that were split for it come their chunks.
        """
        texts = iter(texts)
        while block := list(islice(texts, TEXTS_A_BLOCK)):
            sample = map(_chunks_of_short, block[:SAMPLE])
            if not self._chunk_ids.learn(chain.from_iterable(filter(None, sample))):
                yield from zip(block, repeat(None))
                continue
            chunks = list(map(_chunks_of_short, block))
            self._chunk_ids.learn(chain.from_iterable(filter(None, chunks)))
            yield from zip(block, chunks, strict=True)

    def encode(
        self,
        text: str,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool | Literal["longest_first", "only_first"] = False,
        padding: bool | Padding = False,
    ) -> list[int]:
        """Give the token ids of a text.

        Parameters
        ----------
        text : str
        add_special_tokens : bool, default=True
            Put [CLS] before and [SEP] after.
        max_length : int, default=None
            Length to cut or pad to, special tokens included; None: `model_max_length`.
        truncation : bool or {"longest_first", "only_first"}, default=False
            Cut a longer text; all but False mean the same.
        padding : bool or {"longest", "max_length"}, default=False
            With "max_length", fill a shorter text with [PAD]. True and "longest" change nothing,
            as the only text is the longest.

        Returns
        -------
        list of int

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If it holds a lone surrogate, or no `max_length` is known for what is asked, or it is
            too small for [CLS] and [SEP].
        """
        if not isinstance(text, str):
            raise not_a_string(text)
        before = (self.cls_token_id,) if add_special_tokens else ()
        ids = [*before, *self._text_ids[text]]
        if truncation:
            check_truncation(truncation, n_texts=1)
            del ids[self._room(max_length, 2 * len(before)) + len(before) :]
        if add_special_tokens:
            ids.append(self.sep_token_id)
        if padding and check_padding(padding) == "max_length":
            ids += [self.pad_token_id] * (self._max_length(max_length) - len(ids))
        return ids

    def encode_pair(
        self,
        text: str,
        text_pair: str,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool | Truncation = False,
    ) -> list[int]:
        """Give the token ids of a pair of texts: [CLS] text [SEP] text_pair [SEP].

        Parameters
        ----------
        text, text_pair : str
        add_special_tokens : bool, default=True
        max_length : int, default=None
            Length to cut to, special tokens included; None: `model_max_length`.
        truncation : bool or {"longest_first", "only_first", "only_second"}, default=False
            Which text to cut; True is "longest_first".

        Returns
        -------
        list of int

        Raises
        ------
        TypeError, ValueError
            As `encode`; and if the text to cut is too short.
        """
        first, second = self._ids_of_text(text), self._ids_of_text(text_pair)
        strategy = check_truncation(truncation, n_texts=2)
        if strategy:
            room = self._room(max_length, 3 * add_special_tokens)
            n_first, n_second = truncated_lengths(len(first), len(second), room, strategy)
            first, second = first[:n_first], second[:n_second]
        if not add_special_tokens:
            return [*first, *second]
        return [self.cls_token_id, *first, self.sep_token_id, *second, self.sep_token_id]

    def encode_ragged(
        self,
        texts: Iterable[str],
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        first_row: int = 0,
    ) -> RaggedEncoding:
        """Give the token ids of several texts, as arrays of uneven lengths.

        Parameters
        ----------
        texts : iterable of str
        add_special_tokens : bool, default=True
        max_length : int, default: no limit
            Cut longer texts to so many tokens, special ones included.
        first_row : int, default=0
            Number of the first text, for errors that name a row.

        Returns
        -------
        RaggedEncoding
            With the ids, and the rows of those texts that were cut.

        Raises
        ------
        TypeError, ValueError
            If a text is not a string or holds a lone surrogate; the message gives its row.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> [ids.tolist() for ids in tokenizer.encode_ragged(["one", "one two"]).input_ids]
        [[101, 2028, 102], [101, 2028, 2048, 102]]
        """
        before, after = self._bytes_around if add_special_tokens else (b"", b"")
        longest = None
        if max_length is not None:
            longest = self._room(max_length, 2 * add_special_tokens) * ID_SIZE
        input_ids, truncated_rows = [], []
        for row, (text, chunks) in enumerate(self._learnt(texts), first_row):
            try:
                ids = self._bytes_of_text(text, chunks)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Row {row}: {error}") from None
            if longest is not None and len(ids) > longest:
                ids = ids[:longest]
                truncated_rows.append(row)
            input_ids.append(np.frombuffer(before + ids + after, ID_DTYPE))
        return RaggedEncoding(input_ids, truncated_rows)

    def encode_batch(self, texts: Iterable[str], max_length: int | None = None) -> PaddedBatch:
        """Give the token ids of several texts as arrays, padded on the right.

        Parameters
        ----------
        texts : iterable of str
        max_length : int, default: no limit
            Cut longer texts to so many tokens, [CLS] and [SEP] included.

        Returns
        -------
        PaddedBatch
            With `input_ids` and `attention_mask`, int64 of shape (n_texts, longest).

        Raises
        ------
        TypeError, ValueError
            If a text is not a string or holds a lone surrogate; the message gives its row.
        """
        ragged = self.encode_ragged(texts, max_length=max_length).input_ids
        lengths = np.array([len(ids) for ids in ragged], np.int64)
        attention_mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
        input_ids = np.full(attention_mask.shape, self.pad_token_id, np.int64)
        if ragged:
            input_ids[attention_mask] = np.concatenate(ragged)
        return PaddedBatch(input_ids, attention_mask.astype(np.int64))


def _chunks_of_short(text: str) -> list[str] | None:
    """Split a text, unless it is long (or none)."""
    return split_at_spaces(text) if isinstance(text, str) and len(text) <= SHORT else None
