"""Packing: the tokens of many texts side by side, without padding.

Every linear layer multiplies one matrix with a column per token. Only attention treats each text
separately. It handles texts of equal length together, so they are neighbours in a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    IntArray = NDArray[np.integer]
    TokenIds = Sequence[int] | IntArray
    BoolArray = NDArray[np.bool_]


class Group(NamedTuple):
    """Texts of equal length, in neighbouring columns of a packed batch."""

    start: int  # column of the first token
    first_text: int  # place of the first text in the batch
    n_texts: int
    length: int  # tokens per text
    # Added to the scores of each key, (n_texts, 1, length, 1): -inf where a key is hidden.
    key_bias: NDArray[np.float32] | None = None

    @property
    def columns(self) -> slice:
        """Columns of the tokens."""
        return slice(self.start, self.start + self.n_texts * self.length)

    @property
    def texts(self) -> slice:
        """Places of the texts in the batch."""
        return slice(self.first_text, self.first_text + self.n_texts)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Some texts of a `Ragged`, one after the other, longest first."""

    text_indices: IntArray  # (n_texts,): rows of the `Ragged`
    lengths: IntArray  # (n_texts,): tokens per text, descending
    input_ids: IntArray  # (n_tokens,)
    position_ids: IntArray  # (n_tokens,)
    is_key: BoolArray | None = None  # (n_tokens,): False where a token is hidden from others
    token_type_ids: IntArray | None = None  # (n_tokens,): 0 or 1; None: all are 0

    @property
    def starts(self) -> IntArray:
        """Column of each text's first token: (n_texts,)."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def token_texts(self) -> IntArray:
        """Row of each token's text: (n_tokens,)."""
        return np.repeat(self.text_indices, self.lengths)

    @property
    def groups(self) -> list[Group]:
        """Runs of texts of equal length."""
        groups, start, first_text = [], 0, 0
        for length, run in groupby(self.lengths.tolist()):
            group = Group(start, first_text, sum(1 for _ in run), length)
            if self.is_key is not None:
                group = group._replace(key_bias=_key_bias(group, self.is_key))
            groups.append(group)
            start, first_text = group.columns.stop, group.texts.stop
        return groups


def _flat(rows: Sequence[TokenIds], n_values: int) -> IntArray:
    """Join the values of all texts: (n_values,)."""
    if n_values and all(isinstance(row, np.ndarray) for row in rows):
        return np.concatenate(rows, dtype=np.intp)
    return np.fromiter(chain.from_iterable(rows), np.intp, n_values)


def _key_bias(group: Group, is_key: BoolArray) -> NDArray[np.float32]:
    bias = np.where(is_key[group.columns], np.float32(0), np.float32(-np.inf))
    return bias.reshape(group.n_texts, 1, group.length, 1)


@dataclass(frozen=True, slots=True)
class Ragged:
    """Token ids of texts of uneven lengths, in the caller's order."""

    input_ids: IntArray  # (n_tokens,)
    position_ids: IntArray  # (n_tokens,)
    lengths: IntArray  # (n_texts,)
    is_key: BoolArray | None = None  # (n_tokens,): False where a token is hidden from others
    token_type_ids: IntArray | None = None  # (n_tokens,): 0 or 1; None: all are 0

    @classmethod
    def from_lists(
        cls, input_ids: Sequence[TokenIds], token_type_ids: Sequence[TokenIds] | None = None
    ) -> Ragged:
        """Pack one list or array of ids per text; positions count from 0 in each text."""
        lengths = np.fromiter(map(len, input_ids), np.intp, len(input_ids))
        n_tokens = int(lengths.sum())
        starts = np.cumsum(lengths) - lengths
        return cls(
            _flat(input_ids, n_tokens),
            np.arange(n_tokens) - np.repeat(starts, lengths),
            lengths,
            token_type_ids=None if token_type_ids is None else _flat(token_type_ids, n_tokens),
        )

    @classmethod
    def from_padded(
        cls, input_ids: IntArray, visible: BoolArray, token_type_ids: IntArray | None = None
    ) -> Ragged:
        """Drop hidden tokens at any position; all arrays are (n_texts, seq_len).

        A hidden first token is kept, but is no key for other tokens: transformers' classification
        head reads its state even then, as with texts that are padded on the left.
        """
        keep = visible.copy()
        keep[:, :1] = True
        is_key = None if visible[:, :1].all() else visible[keep]
        lengths = np.count_nonzero(keep, axis=1)
        types = None if token_type_ids is None else token_type_ids[keep]
        return cls(input_ids[keep], np.nonzero(keep)[1], lengths, is_key, types)

    def batches(self, n_batches: int, texts: IntArray | None = None) -> list[PackedBatch]:
        """Sort all or some texts by length and split them into batches of about equal tokens.

        The longest texts come first. Texts without tokens are left out; no batch is empty.
        """
        texts = np.arange(len(self.lengths)) if texts is None else texts
        order = texts[np.argsort(-self.lengths[texts], kind="stable")]
        order = order[self.lengths[order] > 0]
        if min(n_batches, len(order)) == 1:
            return [self.pack(order)]
        ends = np.cumsum(self.lengths[order])
        # A text belongs to the batch in which its middle token lies.
        middles = ends - self.lengths[order] / 2
        borders = self.lengths[order].sum() * np.arange(1, n_batches) / n_batches
        parts = np.split(order, np.searchsorted(middles, borders))
        return [self.pack(part) for part in parts if len(part)]

    def pack(self, texts: IntArray) -> PackedBatch:
        """Pack some texts, which are sorted by descending length."""
        part = self.select(texts)
        return PackedBatch(
            texts,
            part.lengths,
            part.input_ids,
            part.position_ids,
            part.is_key,
            part.token_type_ids,
        )

    def distinct(self) -> tuple[Ragged, IntArray]:
        """Return one of each group of equal texts, and for each text its row in the result.

        The result is sorted by content. The same set of texts therefore forms the same batches in
        any order of the texts, and BLAS rounds the results equally.
        """
        if len(self.lengths) == 1:
            return self, np.zeros(1, np.intp)
        stops = np.cumsum(self.lengths)
        bounds = zip((stops - self.lengths).tolist(), stops.tolist(), strict=True)
        columns: list[NDArray[Any]] = [self.input_ids, self.position_ids]
        columns += [x for x in (self.is_key, self.token_type_ids) if x is not None]
        contents = (
            b"".join(column[start:stop].tobytes() for column in columns) for start, stop in bounds
        )
        keys = np.fromiter(contents, object, len(stops))
        _, first_rows, rows = np.unique(keys, return_index=True, return_inverse=True)
        return self.select(first_rows), rows

    def select(self, texts: IntArray) -> Ragged:
        """Return some of the texts."""
        if len(texts) == len(self.lengths) == 1:
            return self
        tokens = self.token_indices(texts)
        return Ragged(
            self.input_ids[tokens],
            self.position_ids[tokens],
            self.lengths[texts],
            None if self.is_key is None else self.is_key[tokens],
            None if self.token_type_ids is None else self.token_type_ids[tokens],
        )

    def token_indices(self, texts: IntArray) -> IntArray:
        """Return the indices of the tokens of some texts, one text after the other."""
        lengths = self.lengths[texts]
        starts = (np.cumsum(self.lengths) - self.lengths)[texts]
        first_columns = np.cumsum(lengths) - lengths
        tokens: IntArray = np.arange(lengths.sum()) + np.repeat(starts - first_columns, lengths)
        return tokens
