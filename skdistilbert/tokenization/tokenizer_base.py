"""The parameters of a tokenizer: checking, loading, saving, pickling and comparing them."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files import locate_checkpoint
from skdistilbert.files.atomic_save import replace_files
from skdistilbert.files.module_paths import transformer_directory
from skdistilbert.tokenization.added_tokens import AddedToken, AddedTokenFinder
from skdistilbert.tokenization.declared_tokens import SPECIAL_TOKENS
from skdistilbert.tokenization.normalization import Normalizer
from skdistilbert.tokenization.parameter_types import check_types
from skdistilbert.tokenization.pipeline import Pipeline
from skdistilbert.tokenization.tokenizer_files import (
    OPTIONS,
    SIDES,
    SWITCHES,
    model_type_in,
    read_tokenizer,
    tokenizer_files,
)
from skdistilbert.tokenization.vocab_file import check_vocab, read_vocab
from skdistilbert.tokenization.vocab_training import count_words, first_tokens, train_vocab
from skdistilbert.tokenization.wordpiece import WordPiece

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from skdistilbert.tokenization.truncation import Side

PARAMETERS = (
    *OPTIONS,
    *SPECIAL_TOKENS,
    *SWITCHES,
    *SIDES,
    "added_tokens",
    "vocab",
    "model_max_length",
)
# A vocabulary may lack these tokens, because most tasks do not need them.
OPTIONAL_TOKENS = ("pad_token", "mask_token")


class TokenizerBase:
    """Parameters of a tokenizer, and the pipeline built from them."""

    unk_token_id: int
    sep_token_id: int
    pad_token_id: int | None
    cls_token_id: int
    mask_token_id: int | None

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Mapping[str, int],
        *,
        do_lower_case: bool = True,
        strip_accents: bool | None = None,
        tokenize_chinese_chars: bool = True,
        unk_token: str = "[UNK]",
        sep_token: str = "[SEP]",
        pad_token: str = "[PAD]",
        cls_token: str = "[CLS]",
        mask_token: str = "[MASK]",
        split_special_tokens: bool = False,
        added_tokens: Sequence[AddedToken] = (),
        model_max_length: int | None = None,
        clean_up_tokenization_spaces: bool = False,
        padding_side: Side = "right",
        truncation_side: Side = "right",
    ) -> None:
        check_types(locals())
        if isinstance(vocab_file, str | os.PathLike):
            self.vocab = read_vocab(Path(vocab_file))
        else:
            self.vocab = check_vocab(vocab_file)
        self.do_lower_case = do_lower_case
        self.strip_accents = strip_accents
        self.tokenize_chinese_chars = tokenize_chinese_chars
        self.unk_token = unk_token
        self.sep_token = sep_token
        self.pad_token = pad_token
        self.cls_token = cls_token
        self.mask_token = mask_token
        self.split_special_tokens = split_special_tokens
        self.padding_side = padding_side
        self.truncation_side = truncation_side
        # As in `tokenizers`, a token without content has no effect.
        explicit = (
            token for token in added_tokens if token.content and not self._is_default(token)
        )
        self.added_tokens = tuple(sorted(explicit, key=lambda token: token.id))
        self.model_max_length = model_max_length
        self.clean_up_tokenization_spaces = clean_up_tokenization_spaces
        self._build()

    def _is_default(self, token: AddedToken) -> bool:
        """Return whether a token is one of the special tokens, with their default flags."""
        index = self.vocab.get(token.content)
        return (
            index is not None
            and token.content in self.special_tokens
            and token == AddedToken(token.content, index, special=True)
        )

    def _build(self) -> None:
        """Build the pipeline, which is not pickled, from the parameters."""
        self._check_added_tokens()
        for name in SPECIAL_TOKENS:
            setattr(self, f"{name}_id", self._special_token_id(name))
        self._normalizer = normalizer = Normalizer(
            lowercase=self.do_lower_case,
            strip_accents=self.do_lower_case if self.strip_accents is None else self.strip_accents,
            handle_chinese_chars=self.tokenize_chinese_chars,
        )
        finder = AddedTokenFinder(
            self._tokens_to_find(), normalizer, split_special_tokens=self.split_special_tokens
        )
        self._pipeline = Pipeline(finder, normalizer, WordPiece(self.vocab, self.unk_token_id))

    def _check_added_tokens(self) -> None:
        if not self.added_tokens:
            return
        tokens = {index: token for token, index in self.vocab.items()}
        for token in self.added_tokens:
            known = self.vocab.get(token.content, token.id)
            if known != token.id:
                raise CheckpointError(
                    f"{token!r} has the id {known} in the vocabulary; use that id."
                )
            if tokens.setdefault(token.id, token.content) != token.content:
                raise CheckpointError(
                    f"{token!r} has the id of {tokens[token.id]!r:.99}; use a free id."
                )

    def _special_token_id(self, name: str) -> int | None:
        token = getattr(self, name)
        added = {token.content: token.id for token in self.added_tokens}
        index = self.vocab.get(token, added.get(token))
        if index is None and name not in OPTIONAL_TOKENS:
            raise CheckpointError(
                f"The vocabulary has no {token!r:.99}, which is the {name}; pass {name}=... with "
                "the token of the vocabulary that has this role."
            )
        return index

    def _tokens_to_find(self) -> Iterable[AddedToken]:
        special = {
            token: AddedToken(token, index, special=True)
            for name, token in zip(SPECIAL_TOKENS, self.special_tokens, strict=True)
            if (index := getattr(self, f"{name}_id")) is not None
        }
        return (special | {token.content: token for token in self.added_tokens}).values()

    @classmethod
    def from_pretrained(
        cls,
        path: str | os.PathLike[str],
        **params: Any,  # noqa: ANN401
    ) -> Self:
        """Load the tokenizer of a checkpoint.

        Parameters
        ----------
        path : str or path-like
            Directory with ``vocab.txt`` or ``tokenizer.json``, and optionally
            ``tokenizer_config.json``, ``special_tokens_map.json`` and ``added_tokens.json``; or a
            name on the Hugging Face hub, as in `load_model`. The files are read as transformers'
            AutoTokenizer reads them, and ``sentence_bert_config.json`` as sentence-transformers
            reads it. Of padding and truncation in ``tokenizer.json``, only the sides are read.
        **params : dict
            Parameters of the class. They override the values in the files.

        Returns
        -------
        WordPieceTokenizer

        Raises
        ------
        CheckpointError
            If a file is missing or malformed, or the vocabulary lacks a special token.
        HubError
            If the model cannot be downloaded.
        """
        directory = transformer_directory(locate_checkpoint(path).directory)
        params = read_tokenizer(directory) | params
        try:
            return cls(**params)
        except CheckpointError as error:
            raise CheckpointError(f"{directory}: {error}") from None

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int = 30522,
        *,
        min_frequency: int = 2,
        limit_alphabet: int = 1000,
        **params: Any,  # noqa: ANN401
    ) -> Self:
        """Return a tokenizer with a new vocabulary, trained on texts.

        Parameters
        ----------
        texts : iterable of str
            The texts may also be a Series, an Arrow array or a frame with one column. A generator
            is read once.
        vocab_size : int, default=30522
            Maximum number of tokens, including the special tokens. Few texts have fewer tokens.
        min_frequency : int, default=2
            Minimum number of occurrences of a piece of a word. Single characters are always
            included.
        limit_alphabet : int, default=1000
            Maximum number of different characters; the most frequent ones are kept. Words with
            other characters become [UNK].
        **params : dict
            Parameters of the class, such as `do_lower_case`, except `vocab_file`.

        Returns
        -------
        WordPieceTokenizer

        Raises
        ------
        TypeError, ValueError
            If `texts` is a string, a dict or a table of several columns, if a text is not a string
            or contains a lone surrogate, if the texts have no words, or if `vocab_size` is too
            small for the special tokens and the characters.

        Notes
        -----
        The vocabulary is trained by byte-pair encoding (Sennrich et al., 2016), as in the trainer
        of the Rust library `tokenizers`. That trainer breaks ties at random. Here, the same texts
        always lead to the same vocabulary.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> texts = ["play played player playing", "walk walked walker walking"]
        >>> tokenizer = WordPieceTokenizer.train(texts)
        >>> tokenizer.tokenize("walking player")
        ['walk', '##ing', 'play', '##er']
        """
        special = first_tokens(params)
        untrained = cls({token: index for index, token in enumerate(special)}, **params)
        vocab = train_vocab(
            count_words(texts, untrained._pipeline.words),
            special,
            vocab_size=vocab_size,
            min_frequency=min_frequency,
            limit_alphabet=limit_alphabet,
        )
        return cls(vocab, **params)

    def save_pretrained(self, directory: str | os.PathLike[str]) -> None:
        """Save to a directory that transformers and `from_pretrained` can load.

        Parameters
        ----------
        directory : str or path-like
            Created if it does not exist. ``vocab.txt`` and ``tokenizer_config.json`` are written.
            Other tokenizer files are deleted, because they would take precedence. All other files,
            such as the weights of a model, are kept. If ``config.json`` is the configuration of a
            BERT, transformers loads the tokenizer as a tokenizer that returns token types.

        Raises
        ------
        CheckpointError
            If the directory has a malformed ``config.json``.
        ValueError
            If the ids of the vocabulary and then of the added tokens have a gap.
        OSError
            If the directory cannot be written.
        """
        model_type = model_type_in(Path(directory))
        replace_files(Path(directory), tokenizer_files(self.__getstate__(), model_type))

    @cached_property
    def ids_to_tokens(self) -> dict[int, str]:
        """Tokens by id, with added tokens in the form in which they are searched."""
        tokens = {index: token for token, index in self.vocab.items()}
        for token in self.added_tokens:
            content = token.content
            tokens[token.id] = self._normalizer.normalize(content) if token.normalized else content
        return tokens

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The tokens for unknown words, separation, padding, classification and masks."""
        return tuple(getattr(self, name) for name in SPECIAL_TOKENS)

    @property
    def vocab_size(self) -> int:
        """Number of tokens, including added tokens."""
        return len(self.ids_to_tokens)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(vocab_size={self.vocab_size}, "
            f"do_lower_case={self.do_lower_case}, strip_accents={self.strip_accents}, "
            f"tokenize_chinese_chars={self.tokenize_chinese_chars}, "
            f"special_tokens={list(self.special_tokens)})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in PARAMETERS}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._build()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__getstate__() == self.__getstate__()

    def __hash__(self) -> int:
        return hash((self.special_tokens, self.do_lower_case, self.vocab_size))
