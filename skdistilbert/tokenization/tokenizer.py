"""The WordPiece tokenizer of BERT and DistilBERT."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from skdistilbert.number_checks import check_at_least
from skdistilbert.tokenization.decoding import join_tokens
from skdistilbert.tokenization.encodings import AlignedTokens, Encoding, PaddedBatch, join_texts
from skdistilbert.tokenization.pipeline import check_text
from skdistilbert.tokenization.ragged import encode_ragged
from skdistilbert.tokenization.tokenizer_base import TokenizerBase
from skdistilbert.tokenization.truncation import (
    Padding,
    Truncation,
    check_padding,
    check_truncation,
    truncated_lengths,
)

Tokens = TypeVar("Tokens", list[int], list[Any], bytes)


class WordPieceTokenizer(TokenizerBase):
    """Split texts into the WordPiece tokens of BERT, as the Rust library `tokenizers` does.

    Each word is split from left to right into the longest pieces that are in the vocabulary [1]_.
    The results equal transformers 5's ``BertTokenizer`` for every text.

    Parameters
    ----------
    vocab_file : str, path-like, or mapping of str to int
        Path of ``vocab.txt``, which has one token per line; or the vocabulary itself.
    do_lower_case : bool, default=True
        Convert texts to lower case.
    strip_accents : bool, default: as `do_lower_case`
        Remove accents from letters.
    tokenize_chinese_chars : bool, default=True
        Make each Chinese character a word.
    unk_token, sep_token, pad_token, cls_token, mask_token : str
        The special tokens. They are also found in texts. The vocabulary may lack `pad_token` and
        `mask_token`; the ids of these tokens are then None.
    split_special_tokens : bool, default=False
        Treat special tokens in a text as ordinary text, so that a text cannot inject them.
    added_tokens : sequence of AddedToken, default=()
        Further tokens to find in texts, or other flags for the special tokens.
    model_max_length : int, default=None
        Maximum number of tokens of the model, if known.
    padding_side, truncation_side : {"right", "left"}, default="right"
        Where to add [PAD], and where to remove tokens.
    clean_up_tokenization_spaces : bool, default=False
        Whether `decode` removes the spaces in English contractions by default.

    Raises
    ------
    CheckpointError
        If the vocabulary cannot be read, lacks a special token, or contains an invalid id.
    TypeError, ValueError
        If a parameter has another type, a side is unknown, or `model_max_length` is below 2.

    References
    ----------
    .. [1] Wu et al. (2016). Google's Neural Machine Translation System: Bridging the Gap between
           Human and Machine Translation.

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

        As in transformers, an added token is returned with the whitespace that it includes.

        Parameters
        ----------
        text : str

        Returns
        -------
        list of str

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If `text` contains a lone surrogate.
        """
        check_text(text)
        return [
            piece if isinstance(piece, str) else self.ids_to_tokens[piece]
            for piece in self._pipeline.pieces(text)
        ]

    def encode(
        self,
        text: str,
        text_pair: str | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool | Truncation = False,
        padding: bool | Padding = False,
    ) -> list[int]:
        """Return the token ids of a text, or of a pair: [CLS] text [SEP] text_pair [SEP].

        Parameters
        ----------
        text : str
        text_pair : str, optional
        add_special_tokens : bool, default=True
            Add [CLS] before the text and [SEP] after each text.
        max_length : int, default=None
            Number of tokens to truncate or pad to, including special tokens. None means
            `model_max_length`.
        truncation : bool or {"longest_first", "only_first", "only_second"}, default=False
            Whether to truncate longer texts, and which text of a pair. True means
            "longest_first".
        padding : bool or {"longest", "max_length"}, default=False
            "max_length" pads shorter texts with [PAD]. True and "longest" have no effect on a
            single text.

        Returns
        -------
        list of int

        Raises
        ------
        TypeError
            If a text is not a string.
        ValueError
            If a text contains a lone surrogate, if truncation or padding needs a `max_length`, if
            `max_length` is too small for [CLS] and [SEP], or if the text to truncate is too short.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> tokenizer.encode("one", "one two")
        [101, 2028, 102, 2028, 2048, 102]
        """
        before, after = self._special_ids(add_special_tokens)
        texts = [self._pipeline.ids(text)]
        if text_pair is not None:
            texts.append(self._pipeline.ids(text_pair))
        if truncation:
            lengths = list(map(len, texts))
            kept = self._kept_lengths(lengths, add_special_tokens, max_length, truncation)
            texts = list(map(self._keep, texts, kept))
        ids = before.copy()
        for each in texts:
            ids += each
            ids += after
        if padding and check_padding(padding) == "max_length":
            missing = [self._pad_id()] * (self._max_length(max_length) - len(ids))
            ids = [*missing, *ids] if self.padding_side == "left" else [*ids, *missing]
        return ids

    def encode_batch(
        self,
        texts: Iterable[str],
        text_pairs: Iterable[str] | None = None,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool | Truncation = True,
    ) -> PaddedBatch:
        """Return the token ids of several texts or pairs as one array, padded to the longest.

        Parameters
        ----------
        texts : iterable of str
        text_pairs : iterable of str, optional
            The second text of each pair.
        add_special_tokens : bool, default=True
        max_length : int, default: no limit
            Truncate longer texts to this number of tokens, including [CLS] and [SEP].
        truncation : bool or {"longest_first", "only_first", "only_second"}, default=True
            Which text of a pair to truncate if there is a `max_length`.

        Returns
        -------
        PaddedBatch
            `input_ids`, `attention_mask` and `token_type_ids`, int64 arrays of shape
            (n_texts, seq_len). It unpacks into the first two.

        Raises
        ------
        TypeError, ValueError
            For the reasons of `encode`, with the row in the message; or if the numbers of texts
            and of second texts differ.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> tokenizer.encode_batch(["one", "one two"]).input_ids
        array([[ 101, 2028,  102,    0],
               [ 101, 2028, 2048,  102]])
        """
        strategy = check_truncation(truncation, 1 if text_pairs is None else 2)
        encoded = encode_ragged(
            self,
            texts if text_pairs is None else _pairs(texts, text_pairs),
            add_special_tokens=add_special_tokens,
            max_length=max_length if strategy else None,
            truncation=strategy or "longest_first",
        )
        ids, types = encoded.input_ids, encoded.token_type_ids
        return PaddedBatch.from_rows(ids, types, self.padding_side, self._pad_id)

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
            As in `encode`.

        Returns
        -------
        Encoding
            `input_ids`, `offsets`, `word_ids`, `sequence_ids` and `token_type_ids`, each with one
            item per token.

        Raises
        ------
        TypeError, ValueError
            For the reasons of `encode`.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> tokenizer.encode_with_offsets("Where is it?").offsets
        [(0, 0), (0, 5), (6, 8), (9, 11), (11, 12), (0, 0)]
        """
        texts = [text] if text_pair is None else [text, text_pair]
        tokens = list(map(self._pipeline.align, texts))
        return self._truncate_and_join(tokens, add_special_tokens, max_length, truncation)

    def decode(
        self,
        ids: int | Iterable[int],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """Return the text of one or several token ids.

        As in transformers 5, spaces before punctuation are always removed.

        Parameters
        ----------
        ids : int or iterable of int
        skip_special_tokens : bool, default=False
            Leave out [CLS], [SEP], [PAD], [MASK], [UNK] and special added tokens.
        clean_up_tokenization_spaces : bool, default: as in the constructor
            Also remove the spaces in English contractions.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If an id is not in the vocabulary.
        """
        numbers = ids if isinstance(ids, Iterable) else [ids]
        tokens = [self._token(int(index)) for index in numbers]
        if skip_special_tokens:
            special = {*self.special_tokens, *(t.content for t in self.added_tokens if t.special)}
            tokens = [token for token in tokens if token not in special]
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return join_tokens(tokens, clean_up=clean_up_tokenization_spaces)

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
            texts = [
                AlignedTokens(*(self._keep(field, n) for field in tokens))
                for tokens, n in zip(texts, kept, strict=True)
            ]
        return join_texts(texts, *self._special_ids(add_special_tokens))

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

    def _special_ids(self, add_special_tokens: bool) -> tuple[list[int], list[int]]:
        """Return the ids before the first text, and the ids after each text."""
        return ([self.cls_token_id], [self.sep_token_id]) if add_special_tokens else ([], [])

    def _max_length(self, max_length: int | None) -> int:
        length = self.model_max_length if max_length is None else max_length
        if length is None:
            raise ValueError("This tokenizer has no model_max_length. Pass max_length.")
        check_at_least("max_length", length, 0)
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

    def _keep(self, tokens: Tokens, length: int) -> Tokens:
        """Return `length` items of a list, tuple or bytes, and truncate the others."""
        if self.truncation_side == "left":
            return tokens[max(len(tokens) - length, 0) :]
        return tokens[:length]

    def _pad_id(self) -> int:
        if self.pad_token_id is None:
            raise ValueError(
                f"The vocabulary has no {self.pad_token!r:.99}, so texts cannot be padded; pass "
                "pad_token=... with the token of the vocabulary that pads."
            )
        return self.pad_token_id

    def _token(self, index: int) -> str:
        if index not in self.ids_to_tokens:
            raise ValueError(
                f"Token id {index} is not in the vocabulary of {self.vocab_size} tokens; decode "
                "with the tokenizer that encoded the text."
            )
        return self.ids_to_tokens[index]


def _pairs(texts: Iterable[str], text_pairs: Iterable[str]) -> Iterable[tuple[str, str]]:
    first, second = list(texts), list(text_pairs)
    if len(first) != len(second):
        raise ValueError(
            f"texts and text_pairs must have the same length; got {len(first)} and {len(second)}."
        )
    return zip(first, second, strict=True)
