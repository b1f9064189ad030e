"""What a tokenizer is made of: its parameters, and what is derived from them."""

from __future__ import annotations

import os
from functools import cached_property
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdistilbert.exceptions import CheckpointError
from skdistilbert.tokenization.added_tokens import AddedToken
from skdistilbert.tokenization.declared_tokens import SPECIAL_TOKENS, is_id
from skdistilbert.tokenization.normalization import Normalizer
from skdistilbert.tokenization.pieces import ChunkIds, ChunkPieces
from skdistilbert.tokenization.pretrained import OPTIONS, SWITCHES, read_vocab
from skdistilbert.tokenization.token_finder import AddedTokenFinder
from skdistilbert.tokenization.wordpiece import WordPiece

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def not_a_string(text: object) -> TypeError:
    """Give the error for a text that is none."""
    return TypeError(f"a text must be a string, got {text!r} of type {type(text).__name__}")


def _checked(vocab: Mapping[str, int]) -> dict[str, int]:
    """Give a vocabulary with ids of Python's own type, or raise."""
    for given in vocab.values():
        if not is_id(given) and not (isinstance(given, Integral) and is_id(int(given))):
            raise CheckpointError(
                f"The vocabulary has the id {given!r}; ids are integers from 0 to 2147483647."
            )
    return {token: int(given) for token, given in vocab.items()}


class TokenizerState:
    """Base of the tokenizer: what is pickled, compared and shown, without the encoding."""

    unk_token_id: int
    sep_token_id: int
    pad_token_id: int
    cls_token_id: int
    mask_token_id: int

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Mapping[str, int],
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool = True,
        unk_token: str = "[UNK]",
        sep_token: str = "[SEP]",
        pad_token: str = "[PAD]",
        cls_token: str = "[CLS]",
        mask_token: str = "[MASK]",
        *,
        split_special_tokens: bool = False,
        added_tokens: Sequence[AddedToken] = (),
        model_max_length: int | None = None,
        clean_up_tokenization_spaces: bool = False,
    ) -> None:
        if isinstance(vocab_file, str | os.PathLike):
            self.vocab = read_vocab(Path(vocab_file))
        else:
            self.vocab = _checked(vocab_file)
        self.do_lower_case = do_lower_case
        self.strip_accents = strip_accents
        self.tokenize_chinese_chars = tokenize_chinese_chars
        self.unk_token = unk_token
        self.sep_token = sep_token
        self.pad_token = pad_token
        self.cls_token = cls_token
        self.mask_token = mask_token
        self.split_special_tokens = split_special_tokens
        told = (token for token in added_tokens if not self._goes_without_saying(token))
        self.added_tokens = tuple(sorted(told, key=lambda token: token.id))
        self.model_max_length = model_max_length
        self.clean_up_tokenization_spaces = clean_up_tokenization_spaces
        self._build()

    def _build(self) -> None:
        """Derive what encoding needs from the parameters; none of it is pickled."""
        self._check_added_tokens()
        for name in SPECIAL_TOKENS:
            setattr(self, f"{name}_id", self._special_token_id(name))
        self._normalizer = normalizer = Normalizer(
            lowercase=self.do_lower_case,
            strip_accents=self.do_lower_case if self.strip_accents is None else self.strip_accents,
            handle_chinese_chars=self.tokenize_chinese_chars,
        )
        self._wordpiece = wordpiece = WordPiece(self.vocab, self.unk_token_id)
        self._chunk_ids = ChunkIds(normalizer, wordpiece)
        self._chunk_pieces = ChunkPieces(normalizer, wordpiece, self._chunk_ids)
        self._finder = AddedTokenFinder(
            self._tokens_to_find(), normalizer, split_special_tokens=self.split_special_tokens
        )

    def _special_token_id(self, name: str) -> int:
        token = getattr(self, name)
        added = {token.content: token.id for token in self.added_tokens}
        index = self.vocab.get(token, added.get(token))
        if index is None:
            raise CheckpointError(
                f"The vocabulary has no {token!r:.99}, which is the {name}; name the token that "
                f"stands for it as {name}=..."
            )
        return index

    def _goes_without_saying(self, token: AddedToken) -> bool:
        index = self.vocab.get(token.content)
        return (
            index is not None
            and token.content in self.special_tokens
            and token == AddedToken(token.content, index, special=True)
        )

    def _check_added_tokens(self) -> None:
        if not self.added_tokens:
            return
        tokens = {index: token for token, index in self.vocab.items()}
        for token in self.added_tokens:
            known = self.vocab.get(token.content, token.id)
            if known != token.id:
                raise CheckpointError(f"{token!r} has the id {known} in the vocabulary.")
            if tokens.setdefault(token.id, token.content) != token.content:
                raise CheckpointError(f"{token!r} has the id of {tokens[token.id]!r:.99}.")

    def _tokens_to_find(self) -> Iterable[AddedToken]:
        special = {
            token: AddedToken(token, getattr(self, f"{name}_id"), special=True)
            for name, token in zip(SPECIAL_TOKENS, self.special_tokens, strict=True)
        }
        return (special | {token.content: token for token in self.added_tokens}).values()

    def _max_length(self, max_length: int | None) -> int:
        length = self.model_max_length if max_length is None else max_length
        if length is None:
            raise ValueError("This tokenizer has no model_max_length: give max_length.")
        if not isinstance(length, Integral) or length < 0:
            raise ValueError(f"max_length must be an integer of at least 0; got {length!r}.")
        return length

    def _room(self, max_length: int | None, n_special: int) -> int:
        """Give how many tokens fit into `max_length` beside the special ones."""
        length = self._max_length(max_length)
        if length < n_special:
            raise ValueError(
                f"max_length must be at least {n_special}, for {self.cls_token} and "
                f"{self.sep_token}; got {length}."
            )
        return length - n_special

    @cached_property
    def ids_to_tokens(self) -> dict[int, str]:
        """The vocabulary, with the added tokens as they are found, by id."""
        tokens = {index: token for token, index in self.vocab.items()}
        for token in self.added_tokens:
            content = token.content
            tokens[token.id] = self._normalizer.normalize(content) if token.normalized else content
        return tokens

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The tokens for unknown words, separation, padding, classification and masks."""
        return tuple(getattr(self, name) for name in SPECIAL_TOKENS)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(vocab_size={self.vocab_size}, "
            f"do_lower_case={self.do_lower_case}, strip_accents={self.strip_accents}, "
            f"tokenize_chinese_chars={self.tokenize_chinese_chars}, "
            f"special_tokens={list(self.special_tokens)})"
        )

    def __getstate__(self) -> dict[str, Any]:
        names = (*OPTIONS, *SPECIAL_TOKENS, *SWITCHES, "added_tokens", "vocab")
        return {name: getattr(self, name) for name in (*names, "model_max_length")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._build()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__getstate__() == self.__getstate__()

    def __hash__(self) -> int:
        return hash((self.special_tokens, self.do_lower_case, self.vocab_size))

    @property
    def vocab_size(self) -> int:
        """Entries of the vocabulary, added tokens among them."""
        return len(self.ids_to_tokens)
