"""The WordPiece tokenizer of BERT and DistilBERT."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files import locate_checkpoint
from skdistilbert.files.atomic_save import replace_files
from skdistilbert.tokenization.aligned import AlignedEncoder
from skdistilbert.tokenization.decoding import join_tokens
from skdistilbert.tokenization.ids import IdsEncoder
from skdistilbert.tokenization.pretrained import read_tokenizer
from skdistilbert.tokenization.saving import tokenizer_files

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable


class WordPieceTokenizer(IdsEncoder, AlignedEncoder):
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
    clean_up_tokenization_spaces : bool, default=False
        What `decode` does unless told.

    Raises
    ------
    CheckpointError
        If the vocabulary can't be read, lacks a special token, or has an id that is none.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer
    >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
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
            ``tokenizer_config.json`` and the older ``special_tokens_map.json`` and
            ``added_tokens.json``; or a name on the Hugging Face hub. They are read as
            transformers' AutoTokenizer reads them; ``max_seq_length`` and ``do_lower_case`` of
            ``sentence_bert_config.json`` as sentence-transformers does. Padding and truncation
            stored there do not apply.
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
            If a file is missing or malformed, the vocabulary lacks a special token, or texts are
            to be cut or padded on the left.
        """
        location = locate_checkpoint(
            path, revision=revision, cache_dir=cache_dir, local_files_only=local_files_only
        )
        params = read_tokenizer(location.directory) | params
        try:
            return cls(**params)
        except CheckpointError as error:
            raise CheckpointError(f"{location.directory}: {error}") from None

    def save_pretrained(self, directory: str | os.PathLike[str]) -> None:
        """Write a directory from which transformers, and `from_pretrained`, load the same.

        The files take their places all at once; others in the directory stay, such as a model.

        Parameters
        ----------
        directory : str or path-like
            Made if it does not exist. Gets ``vocab.txt`` and ``tokenizer_config.json``; other
            files of a tokenizer go, as they would be read before these.

        Raises
        ------
        ValueError
            If the ids of the vocabulary have a gap, or those of added tokens do not follow.
        OSError
            If it can't be written.
        """
        replace_files(Path(directory), tokenizer_files(self))

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

    def decode(
        self,
        ids: Iterable[int],
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """Give the text of token ids.

        As in transformers 5, the spaces before punctuation always close.

        Parameters
        ----------
        ids : iterable of int
        skip_special_tokens : bool, default=False
            Leave out [CLS], [SEP], [PAD], [MASK] and [UNK].
        clean_up_tokenization_spaces : bool, default: as the tokenizer's
            Also close the spaces in English contractions.

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
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return join_tokens(tokens, clean_up=clean_up_tokenization_spaces)

    def _token(self, index: int) -> str:
        if index not in self.ids_to_tokens:
            raise ValueError(f"Token id {index} is not in the vocabulary of {self.vocab_size}.")
        return self.ids_to_tokens[index]
