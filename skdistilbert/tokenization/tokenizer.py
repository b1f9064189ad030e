"""The WordPiece tokenizer of BERT and DistilBERT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files import locate_checkpoint
from skdistilbert.tokenization.decoding import join_tokens
from skdistilbert.tokenization.encoding import (
    Encoding,
    PaddedBatch,
    RaggedEncoding,
    join_pieces,
)
from skdistilbert.tokenization.pieces import Pieces
from skdistilbert.tokenization.pretrained import read_tokenizer
from skdistilbert.tokenization.state import TokenizerState
from skdistilbert.tokenization.truncation import Truncation, check_truncation, truncated_lengths

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable


class WordPieceTokenizer(TokenizerState):
    """Split texts into the WordPiece tokens of BERT, as ``tokenizers`` (Rust) does.

    Ids, tokens and offsets are those of transformers 5's ``BertTokenizer`` for every text.

    Parameters
    ----------
    vocab_file : str, path-like, or mapping of str to int
        ``vocab.txt``, a token a line; or the vocabulary itself.
    do_lower_case : bool, default=True
    strip_accents : bool, default: as `do_lower_case`
    tokenize_chinese_chars : bool, default=True
        Make each Chinese character a word.
    unk_token, sep_token, pad_token, cls_token, mask_token : str
        The special tokens; found in texts, too.
    split_special_tokens : bool, default=False
        Read special tokens in a text as ordinary text, so that a text can't inject them.
    added_tokens : sequence of AddedToken, default=()
        Further tokens found in texts, or other rules for the special ones.
    model_max_length : int, default=None
        The longest text that the model was made for, if known.

    Raises
    ------
    CheckpointError
        If the vocabulary can't be read or lacks a special token.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer
    >>> tokenizer = WordPieceTokenizer.from_pretrained("distilbert-tiny")
    >>> tokenizer.tokenize("Where is it?")
    ['where', 'is', 'it', '?']
    >>> tokenizer.decode(tokenizer.encode("Where is it?"))
    '[CLS] where is it? [SEP]'
    """

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        *,
        revision: str | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        **params: Any,  # noqa: ANN401
    ) -> Self:
        """Read a checkpoint's tokenizer.

        Parameters
        ----------
        path : str or path-like
            Directory with ``vocab.txt`` or ``tokenizer.json``, and perhaps
            ``tokenizer_config.json``, ``special_tokens_map.json`` and
            ``sentence_bert_config.json``; or a name on the Hugging Face hub. Padding and
            truncation stored there do not apply.
        revision : str, default=None
            Branch, tag or commit on the hub; None: its main branch.
        cache_dir : str or path-like, default=None
            The hub's cache; None: where ``HF_HUB_CACHE`` or ``HF_HOME`` say.
        local_files_only : bool, default=False
            Never use the network.
        **params : dict
            Parameters of the class that override those of the files.

        Raises
        ------
        CheckpointError
            If a file is missing or malformed, or the vocabulary lacks a special token.
        """
        location = locate_checkpoint(
            path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
        params = read_tokenizer(location.directory) | params
        try:
            return cls(**params)
        except CheckpointError as error:
            raise CheckpointError(f"{location.directory}: {error}") from None

    def tokenize(self, text: str) -> list[str]:
        """Give the tokens of a text, without [CLS] and [SEP].

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If it holds a lone surrogate.
        """
        return [self.ids_to_tokens[index] for index in self._ids_of_text(text)]

    def _ids_of_text(self, text: str) -> list[int]:
        if not isinstance(text, str):
            raise TypeError(f"a text must be a string, got {text!r} of type {type(text).__name__}")
        if not self._finder.may_find(text):
            return self._chunk_ids.of_text(text)
        ids: list[int] = []
        for start, stop, token in self._finder.segments(text):
            ids += [token.id] if token else self._chunk_ids.of_text(text[start:stop])
        return ids

    def encode(
        self,
        text: str,
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool = False,
        padding: bool | Literal["max_length"] = False,
    ) -> list[int]:
        """Give the token ids of a text.

        Parameters
        ----------
        text : str
        add_special_tokens : bool, default=True
            Put [CLS] before and [SEP] after.
        max_length : int, default=None
            Length to cut or pad to, special tokens included; None: `model_max_length`.
        truncation : bool, default=False
            Cut a longer text.
        padding : bool or "max_length", default=False
            With "max_length", fill a shorter text with [PAD]. True changes nothing, as the only
            text is the longest.

        Returns
        -------
        list of int

        Raises
        ------
        TypeError
            If `text` is not a string.
        ValueError
            If it holds a lone surrogate, or no `max_length` is known for what is asked.
        """
        ids = self._ids_of_text(text)
        if truncation:
            room = self._max_length(max_length) - 2 * add_special_tokens
            del ids[max(room, 0) :]
        if add_special_tokens:
            ids = [self.cls_token_id, *ids, self.sep_token_id]
        if padding == "max_length":
            ids += [self.pad_token_id] * (self._max_length(max_length) - len(ids))
        return ids

    def _max_length(self, max_length: int | None) -> int:
        length = self.model_max_length if max_length is None else max_length
        if length is None:
            raise ValueError("This tokenizer has no model_max_length: give max_length.")
        if length < 2:
            raise ValueError(f"max_length must be at least 2, for [CLS] and [SEP]; got {length}.")
        return length

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
        strategy = check_truncation(truncation)
        if strategy:
            room = self._max_length(max_length) - 3 * add_special_tokens
            n_first, n_second = truncated_lengths(len(first), len(second), room, strategy)
            first, second = first[:n_first], second[:n_second]
        if not add_special_tokens:
            return first + second
        return [self.cls_token_id, *first, self.sep_token_id, *second, self.sep_token_id]

    def encode_ragged(
        self,
        texts: Iterable[str],
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        first_row: int = 0,
    ) -> RaggedEncoding:
        """Give the token ids of several texts, as lists of uneven lengths.

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
            With the ids, and how many texts were cut.

        Raises
        ------
        TypeError, ValueError
            If a text is not a string or holds a lone surrogate; the message gives its row.
        """
        before, after = [], []
        if add_special_tokens:
            before, after = [self.cls_token_id], [self.sep_token_id]
        room = float("inf")
        if max_length is not None:
            room = self._max_length(max_length) - len(before) - len(after)
        input_ids, n_truncated = [], 0
        for row, text in enumerate(texts, first_row):
            try:
                ids = self._ids_of_text(text)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Row {row}: {error}") from None
            if len(ids) > room:
                del ids[int(room) :]
                n_truncated += 1
            input_ids.append(before + ids + after)
        return RaggedEncoding(input_ids, n_truncated)

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
        input_ids[attention_mask] = [index for ids in ragged for index in ids]
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
        """Give the tokens of a text or pair with where they stand in it.

        Parameters
        ----------
        text : str
        text_pair : str, optional
        add_special_tokens, max_length, truncation
            As in `encode_pair`.

        Returns
        -------
        Encoding
        """
        texts = [text] if text_pair is None else [text, text_pair]
        pieces = [self._pieces_of_text(each) for each in texts]
        n_first = len(pieces[0].ids)
        n_second = len(pieces[1].ids) if text_pair is not None else 0
        strategy = check_truncation(truncation)
        if strategy:
            room = self._max_length(max_length) - (len(texts) + 1) * add_special_tokens
            n_first, n_second = truncated_lengths(n_first, n_second, room, strategy)
        before = [self.cls_token_id] if add_special_tokens else []
        after = [self.sep_token_id] if add_special_tokens else []
        return join_pieces(pieces, [n_first, n_second], before, after)

    def _pieces_of_text(self, text: str) -> Pieces:
        if not isinstance(text, str):
            raise TypeError(f"a text must be a string, got {text!r} of type {type(text).__name__}")
        pieces = Pieces([], [], [])
        if not self._finder.may_find(text):
            self._chunk_pieces.of_text(text, 0, pieces)
            return pieces
        for start, stop, token in self._finder.segments(text):
            if token:
                pieces.add(token.id, start, stop)
            else:
                self._chunk_pieces.of_text(text[start:stop], start, pieces)
        return pieces

    def decode(
        self,
        ids: Iterable[int],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool = True,
    ) -> str:
        """Give the text of token ids.

        Parameters
        ----------
        ids : iterable of int
        skip_special_tokens : bool, default=False
            Leave out [CLS], [SEP], [PAD], [MASK] and [UNK].
        clean_up_tokenization_spaces : bool, default=True
            Close the spaces before punctuation and in English contractions.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If an id is not in the vocabulary.
        """
        tokens = [self._token(int(index)) for index in ids]
        if skip_special_tokens:
            special = {*self.special_tokens, *(t.content for t in self.added_tokens if t.special)}
            tokens = [token for token in tokens if token not in special]
        return join_tokens(tokens, clean_up=clean_up_tokenization_spaces)

    def _token(self, index: int) -> str:
        if index not in self.ids_to_tokens:
            raise ValueError(f"Token id {index} is not in the vocabulary of {self.vocab_size}.")
        return self.ids_to_tokens[index]
