"""The WordPiece tokenizer of BERT and DistilBERT."""

from __future__ import annotations

from itertools import accumulate, chain, pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Literal

import numpy as np

from skdistilbert.tokenization.decoding import join_tokens
from skdistilbert.tokenization.encodings import (
    AlignedTokens,
    Encoding,
    PaddedBatch,
    RaggedEncoding,
    join_texts,
)
from skdistilbert.tokenization.tokenizer_base import TokenizerBase
from skdistilbert.tokenization.truncation import (
    Padding,
    Truncation,
    check_padding,
    check_stride,
    check_truncation,
    truncated_lengths,
    windowed_text,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class WordPieceTokenizer(TokenizerBase):
    """Split texts into the WordPiece tokens of BERT, as the Rust library `tokenizers` does.

    The results equal transformers 5's ``BertTokenizer`` for every text.

    Parameters
    ----------
    vocab_file : str, path-like, or mapping of str to int
        Path of ``vocab.txt``, which has one token per line; or the vocabulary itself.
    do_lower_case : bool, default=True
    strip_accents : bool, default: as `do_lower_case`
    tokenize_chinese_chars : bool, default=True
        Make each Chinese character a word.
    unk_token, sep_token, pad_token, cls_token, mask_token : str
        The special tokens. They are also found in texts.
    split_special_tokens : bool, default=False
        Treat special tokens in a text as ordinary text, so that a text cannot inject them.
    added_tokens : sequence of AddedToken, default=()
        Further tokens to find in texts, or other flags for the special tokens.
    model_max_length : int, default=None
        Maximum number of tokens of the model, if known.
    clean_up_tokenization_spaces : bool, default=False
        Default of `decode`.

    Raises
    ------
    CheckpointError
        If the vocabulary cannot be read, lacks a special token, or contains an invalid id.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer
    >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
    >>> tokenizer.tokenize("Where is it?")
    ['where', 'is', 'it', '?']
    >>> tokenizer.decode(tokenizer.encode("Where is it?"))
    '[CLS] where is it? [SEP]'
    """

    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, without [CLS] and [SEP].

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If `text` contains a lone surrogate.
        """
        return [self.ids_to_tokens[index] for index in self._pipeline.ids(text)]

    def encode(
        self,
        text: str,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool | Literal["longest_first", "only_first"] = False,
        padding: bool | Padding = False,
    ) -> list[int]:
        """Return the token ids of a text.

        Parameters
        ----------
        text : str
        add_special_tokens : bool, default=True
            Add [CLS] before the text and [SEP] after it.
        max_length : int, default=None
            Number of tokens to truncate or pad to, including special tokens. None means
            `model_max_length`.
        truncation : bool or {"longest_first", "only_first"}, default=False
            Truncate longer texts. All values except False are equivalent.
        padding : bool or {"longest", "max_length"}, default=False
            "max_length" pads shorter texts with [PAD]. True and "longest" have no effect on a
            single text.

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If `text` contains a lone surrogate, if truncation or padding needs a `max_length`, or
            if `max_length` is too small for [CLS] and [SEP].
        """
        before, after = self._special_ids(add_special_tokens)
        ids = [*before, *self._pipeline.ids(text)]
        if truncation:
            check_truncation(truncation, n_texts=1)
            del ids[self._room(max_length, len(before + after)) + len(before) :]
        ids += after
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
        """Return the token ids of a pair of texts: [CLS] text [SEP] text_pair [SEP].

        Parameters
        ----------
        text, text_pair : str
        add_special_tokens, max_length
            As in `encode`.
        truncation : bool or {"longest_first", "only_first", "only_second"}, default=False
            Which text to truncate. True means "longest_first".

        Raises
        ------
        TypeError, ValueError
            As `encode`; also if the text to truncate is too short.
        """
        first, second = self._pipeline.ids(text), self._pipeline.ids(text_pair)
        n_first, n_second = self._kept_lengths(
            [len(first), len(second)], add_special_tokens, max_length, truncation
        )
        before, after = self._special_ids(add_special_tokens)
        return [*before, *first[:n_first], *after, *second[:n_second], *after]

    def encode_ragged(
        self,
        texts: Iterable[str],
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        first_row: int = 0,
    ) -> RaggedEncoding:
        """Return the token ids of several texts as arrays of different lengths.

        Parameters
        ----------
        texts : iterable of str
        add_special_tokens : bool, default=True
        max_length : int, default: no limit
            Truncate longer texts to this number of tokens, including special tokens.
        first_row : int, default=0
            Row number of the first text, for `truncated_rows` and for error messages.

        Returns
        -------
        RaggedEncoding
            The ids, and the rows of the truncated texts.

        Raises
        ------
        TypeError, ValueError
            If a text is not a string or contains a lone surrogate. The message names its row.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> [ids.tolist() for ids in tokenizer.encode_ragged(["one", "one two"]).input_ids]
        [[101, 2028, 102], [101, 2028, 2048, 102]]
        """
        before, after = self._special_ids(add_special_tokens)
        room = None if max_length is None else self._room(max_length, len(before + after))
        rows, truncated_rows = [], []
        for row, text in enumerate(texts, first_row):
            try:
                ids = self._pipeline.ids(text)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Row {row}: {error}") from None
            if room is not None and len(ids) > room:
                ids = ids[:room]
                truncated_rows.append(row)
            rows.append((*before, *ids, *after))
        return RaggedEncoding(_as_arrays(rows), truncated_rows)

    def encode_batch(self, texts: Iterable[str], max_length: int | None = None) -> PaddedBatch:
        """Return the token ids of several texts as one array, padded on the right.

        Parameters
        ----------
        texts : iterable of str
        max_length : int, default: no limit
            Truncate longer texts to this number of tokens, including [CLS] and [SEP].

        Returns
        -------
        PaddedBatch
            `input_ids` and `attention_mask`, int64 arrays of shape (n_texts, seq_len).

        Raises
        ------
        TypeError, ValueError
            As `encode_ragged`.
        """
        ragged = self.encode_ragged(texts, max_length=max_length).input_ids
        lengths = np.array([len(ids) for ids in ragged], np.int64)
        attention_mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
        input_ids = np.full(attention_mask.shape, self.pad_token_id, np.int64)
        if ragged:
            input_ids[attention_mask] = np.concatenate(ragged)
        return PaddedBatch(input_ids, attention_mask.astype(np.int64))

    def encode_with_offsets(
        self,
        text: str,
        text_pair: str | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool | Truncation = False,
    ) -> Encoding:
        """Return the tokens of a text or a pair with their positions and words.

        Parameters
        ----------
        text : str
        text_pair : str, optional
        add_special_tokens, max_length, truncation
            As in `encode_pair`.

        Raises
        ------
        TypeError, ValueError
            As `encode_pair`.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> tokenizer.encode_with_offsets("Where is it?").offsets
        [(0, 0), (0, 5), (6, 8), (9, 11), (11, 12), (0, 0)]
        """
        tokens = self._align(text, text_pair)
        return self._truncate_and_join(tokens, add_special_tokens, max_length, truncation)

    def encode_words(
        self,
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
        words : iterable of str
        add_special_tokens, max_length : as in `encode`
        truncation : bool, default=False
            Truncate longer texts.

        Raises
        ------
        TypeError, ValueError
            If `words` is a string, or if a word is not a string or contains a lone surrogate. The
            message names the index of the word.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> tokenizer.encode_words(["Where", "is", "it?"]).word_ids
        [None, 0, 1, 2, 2, None]
        """
        tokens = [self._align_words(words)]
        return self._truncate_and_join(tokens, add_special_tokens, max_length, truncation)

    def encode_windows(
        self,
        text: str,
        text_pair: str | None = None,
        *,
        max_length: int | None = None,
        stride: int = 0,
        truncation: Literal["only_first", "only_second"] | None = None,
        add_special_tokens: bool = True,
    ) -> list[Encoding]:
        """Return overlapping windows of a long text, or of a pair with one long text.

        This equals transformers' result with ``return_overflowing_tokens=True``. Each window
        contains the other text of the pair, such as the question, completely.

        Parameters
        ----------
        text : str
        text_pair : str, optional
        max_length : int, default=None
            Maximum number of tokens per window, including special tokens. None means
            `model_max_length`.
        stride : int, default=0
            Number of tokens by which windows overlap.
        truncation : {"only_first", "only_second"}, default: the last text
            Which text to cut into windows.
        add_special_tokens : bool, default=True

        Returns
        -------
        list of Encoding
            At least one. Offsets are positions in the whole text.

        Raises
        ------
        TypeError, ValueError
            As `encode_pair`; also if windows have no room for more than `stride` tokens.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> for window in tokenizer.encode_windows("Where is it?", max_length=5, stride=1):
        ...     print(tokenizer.decode(window.input_ids))
        [CLS] where is it [SEP]
        [CLS] it? [SEP]
        """
        texts = self._align(text, text_pair)
        cut = windowed_text(truncation, len(texts))
        room = self._room(max_length, (len(texts) + 1) * add_special_tokens)
        check_stride(stride, room)
        lengths = [len(tokens.input_ids) for tokens in texts]
        room -= sum(lengths) - lengths[cut]
        return [
            self._join(
                [*texts[:cut], texts[cut].part(start, stop), *texts[cut + 1 :]], add_special_tokens
            )
            for start, stop in windows(lengths[cut], room, stride)
        ]

    def decode(
        self,
        ids: Iterable[int],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """Return the text of token ids.

        As in transformers 5, spaces before punctuation are always removed.

        Parameters
        ----------
        ids : iterable of int
        skip_special_tokens : bool, default=False
            Leave out [CLS], [SEP], [PAD], [MASK], [UNK] and special added tokens.
        clean_up_tokenization_spaces : bool, default: as in the constructor
            Also remove the spaces in English contractions.

        Raises
        ------
        ValueError
            If an id is not in the vocabulary.
        """
        tokens = [self._token(int(index)) for index in ids]
        if skip_special_tokens:
            special = {*self.special_tokens, *(t.content for t in self.added_tokens if t.special)}
            tokens = [token for token in tokens if token not in special]
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return join_tokens(tokens, clean_up=clean_up_tokenization_spaces)

    def _align(self, text: str, text_pair: str | None) -> list[AlignedTokens]:
        texts = [text] if text_pair is None else [text, text_pair]
        return list(map(self._pipeline.align, texts))

    def _align_words(self, words: Iterable[str]) -> AlignedTokens:
        if isinstance(words, str):
            raise TypeError(
                f"words must be an iterable of words, got the string {words!r:.99}; use "
                "encode_with_offsets for a whole text."
            )
        joined = AlignedTokens([], [], [])
        for position, word in enumerate(words):
            try:
                tokens = self._pipeline.align(word)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Word {position}: {error}") from None
            joined.input_ids.extend(tokens.input_ids)
            joined.offsets.extend(tokens.offsets)
            joined.word_ids.extend([position] * len(tokens.input_ids))
        return joined

    def _truncate_and_join(
        self,
        texts: list[AlignedTokens],
        add_special_tokens: bool,
        max_length: int | None,
        truncation: bool | Truncation,
    ) -> Encoding:
        lengths = [len(tokens.input_ids) for tokens in texts]
        kept = self._kept_lengths(lengths, add_special_tokens, max_length, truncation)
        if kept != lengths:
            texts = [tokens.part(0, n) for tokens, n in zip(texts, kept, strict=True)]
        return self._join(texts, add_special_tokens)

    def _kept_lengths(
        self,
        lengths: list[int],
        add_special_tokens: bool,
        max_length: int | None,
        truncation: bool | Truncation,
    ) -> list[int]:
        """Return how many tokens to keep of each of one or two texts."""
        strategy = check_truncation(truncation, len(lengths))
        if not strategy:
            return lengths
        room = self._room(max_length, (len(lengths) + 1) * add_special_tokens)
        n_first, n_second = [*lengths, 0][:2]
        return [*truncated_lengths(n_first, n_second, room, strategy)][: len(lengths)]

    def _join(self, texts: list[AlignedTokens], add_special_tokens: bool) -> Encoding:
        return join_texts(texts, *self._special_ids(add_special_tokens))

    def _special_ids(self, add_special_tokens: bool) -> tuple[list[int], list[int]]:
        """Return the ids before the first text and those after each text."""
        return ([self.cls_token_id], [self.sep_token_id]) if add_special_tokens else ([], [])

    def _max_length(self, max_length: int | None) -> int:
        length = self.model_max_length if max_length is None else max_length
        if length is None:
            raise ValueError("This tokenizer has no model_max_length: give max_length.")
        if not isinstance(length, Integral) or length < 0:
            raise ValueError(f"max_length must be an integer of at least 0; got {length!r}.")
        return length

    def _room(self, max_length: int | None, n_special: int) -> int:
        """Return how many tokens fit into `max_length` in addition to the special tokens."""
        length = self._max_length(max_length)
        if length < n_special:
            raise ValueError(
                f"max_length must be at least {n_special}, for {self.cls_token} and "
                f"{self.sep_token}; got {length!r}."
            )
        return length - n_special

    def _token(self, index: int) -> str:
        if index not in self.ids_to_tokens:
            raise ValueError(
                f"Token id {index} is not in the vocabulary of {self.vocab_size} tokens; decode "
                "with the tokenizer that encoded the text."
            )
        return self.ids_to_tokens[index]


def _as_arrays(rows: list[tuple[int, ...]]) -> list[NDArray[np.int32]]:
    """Return rows as views of one array, which takes a third of the time of separate arrays."""
    bounds = list(accumulate(map(len, rows), initial=0))
    ids = np.fromiter(chain.from_iterable(rows), np.int32, bounds[-1])
    ids.flags.writeable = False
    return [ids[start:stop] for start, stop in pairwise(bounds)]
