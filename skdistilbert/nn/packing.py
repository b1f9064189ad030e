"""Packing: the tokens of many texts side by side, without padding.

Every linear layer sees one matrix with a column a token. Only attention looks at each text by
itself, and there texts of equal length are handled together, which is why they stand together.
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

    start: int
    n_texts: int
    length: int
    # Added to the scores of each key, (n_texts, 1, length, 1): -inf where it must not be seen.
    key_bias: NDArray[np.float32] | None = None

    @property
    def columns(self) -> slice:
        """The columns of all its tokens."""
        return slice(self.start, self.start + self.n_texts * self.length)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """Some texts of a `Ragged` one after the other, longest first."""

    text_indices: IntArray  # (n_texts,): which texts of the caller's these are
    lengths: IntArray  # (n_texts,): in tokens, descending
    input_ids: IntArray  # (n_tokens,)
    position_ids: IntArray  # (n_tokens,)
    is_key: BoolArray | None = None  # (n_tokens,): False for tokens that others must not see

    @property
    def starts(self) -> IntArray:
        """The column of each text's first token."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def token_texts(self) -> IntArray:
        """The index of each token's text: (n_tokens,)."""
        return np.repeat(self.text_indices, self.lengths)

    @property
    def groups(self) -> list[Group]:
        """The runs of texts of equal length."""
        groups, start = [], 0
        for length, run in groupby(self.lengths.tolist()):
            group = Group(start, sum(1 for _ in run), length)
            groups.append(group._replace(key_bias=self._key_bias(group)))
            start = group.columns.stop
        return groups

    def _key_bias(self, group: Group) -> NDArray[np.float32] | None:
        if self.is_key is None:
            return None
        bias = np.where(self.is_key[group.columns], np.float32(0), np.float32(-np.inf))
        return bias.reshape(group.n_texts, 1, group.length, 1)


@dataclass(frozen=True, slots=True)
class Ragged:
    """Token ids of texts of uneven lengths, in the caller's order."""

    input_ids: IntArray  # (n_tokens,)
    position_ids: IntArray  # (n_tokens,)
    lengths: IntArray  # (n_texts,)
    is_key: BoolArray | None = None  # (n_tokens,): False for tokens that others must not see

    @classmethod
    def from_lists(cls, input_ids: Sequence[TokenIds]) -> Ragged:
        """Pack lists or arrays of ids, one a text; positions count from 0 in each."""
        lengths = np.fromiter(map(len, input_ids), np.intp, len(input_ids))
        n_tokens = int(lengths.sum())
        if n_tokens and all(isinstance(ids, np.ndarray) for ids in input_ids):
            flat = np.concatenate(input_ids, dtype=np.intp)
        else:
            flat = np.fromiter(chain.from_iterable(input_ids), np.intp, n_tokens)
        starts = np.cumsum(lengths) - lengths
        return cls(flat, np.arange(n_tokens) - np.repeat(starts, lengths), lengths)

    @classmethod
    def from_padded(cls, input_ids: IntArray, visible: BoolArray) -> Ragged:
        """Drop what is not visible, wherever it stands; both are (n_texts, seq_len).

        A hidden first token stays, unseen by the others: transformers' classification head
        reads its state even then, as when texts are padded on the left.
        """
        keep = visible.copy()
        keep[:, 0] = True
        is_key = None if visible[:, 0].all() else visible[keep]
        lengths = np.count_nonzero(keep, axis=1)
        return cls(input_ids[keep], np.nonzero(keep)[1], lengths, is_key)

    def batches(self, n_batches: int, texts: IntArray | None = None) -> list[PackedBatch]:
        """Split all texts, or some, longest first into batches of about equal tokens.

        Texts without a token are in no batch, and no batch is empty.
        """
        texts = np.arange(len(self.lengths)) if texts is None else texts
        order = texts[np.argsort(-self.lengths[texts], kind="stable")]
        order = order[self.lengths[order] > 0]
        if min(n_batches, len(order)) == 1:
            return [self.pack(order)]
        ends = np.cumsum(self.lengths[order])
        # Each text goes where its middle lies.
        middles = ends - self.lengths[order] / 2
        borders = self.lengths[order].sum() * np.arange(1, n_batches) / n_batches
        parts = np.split(order, np.searchsorted(middles, borders))
        return [self.pack(part) for part in parts if len(part)]

    def pack(self, texts: IntArray) -> PackedBatch:
        """Pack some texts, given longest first."""
        of = self.select(texts)
        return PackedBatch(texts, of.lengths, of.input_ids, of.position_ids, of.is_key)

    def distinct(self) -> tuple[Ragged, IntArray]:
        """Keep one of texts that are equal, and tell which of those kept each text is.

        They are ordered by their content: whatever the order they came in, they stand in the same
        places of the same batches, where BLAS rounds them alike.
        """
        if len(self.lengths) == 1:
            return self, np.zeros(1, np.intp)
        stops = np.cumsum(self.lengths)
        bounds = zip((stops - self.lengths).tolist(), stops.tolist(), strict=True)
        columns: list[NDArray[Any]] = [self.input_ids, self.position_ids]
        columns += [] if self.is_key is None else [self.is_key]
        contents = (
            b"".join(column[start:stop].tobytes() for column in columns) for start, stop in bounds
        )
        of_texts = np.fromiter(contents, object, len(stops))
        _, kept, kept_as = np.unique(of_texts, return_index=True, return_inverse=True)
        return self.select(kept), kept_as

    def select(self, texts: IntArray) -> Ragged:
        """Give some of the texts."""
        if len(texts) == len(self.lengths) == 1:
            return self
        tokens = self.tokens_of(texts)
        return Ragged(
            self.input_ids[tokens],
            self.position_ids[tokens],
            self.lengths[texts],
            None if self.is_key is None else self.is_key[tokens],
        )

    def tokens_of(self, texts: IntArray) -> IntArray:
        """Where the tokens of some texts stand, one text after the other."""
        lengths = self.lengths[texts]
        starts = (np.cumsum(self.lengths) - self.lengths)[texts]
        first_columns = np.cumsum(lengths) - lengths
        tokens: IntArray = np.arange(lengths.sum()) + np.repeat(starts - first_columns, lengths)
        return tokens
