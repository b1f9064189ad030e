"""From texts to tokens with their places: offsets, words, windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from skdistilbert.tokenization.encoding import Encoding, join_pieces
from skdistilbert.tokenization.pieces import Pieces
from skdistilbert.tokenization.state import TokenizerState, not_a_string
from skdistilbert.tokenization.truncation import (
    Truncation,
    check_stride,
    check_truncation,
    truncated_lengths,
    windowed_text,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class AlignedEncoder(TokenizerState):
    """The part of the tokenizer that gives `Encoding`s."""

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
        pieces = self._pieces_of_texts(text, text_pair)
        return self._truncated(pieces, add_special_tokens, max_length, truncation)

    def encode_words(
        self,
        words: Iterable[str],
        *,
        add_special_tokens: bool = True,
        max_length: int | None = None,
        truncation: bool = False,
    ) -> Encoding:
        """Give the tokens of a text that is split into words already.

        It is what transformers gives with ``is_split_into_words=True``: each word is encoded by
        itself, `word_ids` are the positions of the words, and `offsets` are places in them.

        Parameters
        ----------
        words : iterable of str
        add_special_tokens : bool, default=True
        max_length : int, default=None
            Length to cut to, special tokens included; None: `model_max_length`.
        truncation : bool, default=False
            Cut a longer text.

        Returns
        -------
        Encoding

        Raises
        ------
        TypeError, ValueError
            If `words` is a string, or a word is none or holds a lone surrogate; the message gives
            its position.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> tokenizer.encode_words(["Where", "is", "it?"]).word_ids
        [None, 0, 1, 2, 2, None]
        """
        pieces = [self._pieces_of_words(words)]
        return self._truncated(pieces, add_special_tokens, max_length, truncation)

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
        """Give a long text, or a pair of which one is long, as windows that overlap.

        It is what transformers gives with ``return_overflowing_tokens=True``. The other text of a
        pair, say the question, is whole in every window.

        Parameters
        ----------
        text : str
        text_pair : str, optional
        max_length : int, default=None
            The longest window, special tokens included; None: `model_max_length`.
        stride : int, default=0
            By how many tokens windows overlap.
        truncation : {"only_first", "only_second"}, default: the last text
            Which text to cut into windows.
        add_special_tokens : bool, default=True

        Returns
        -------
        list of Encoding
            At least one. Their offsets are those in the whole text.

        Raises
        ------
        TypeError, ValueError
            As `encode_pair`; and if the windows have no room for more than `stride` tokens.

        Examples
        --------
        >>> from skdistilbert import WordPieceTokenizer
        >>> tokenizer = WordPieceTokenizer.from_pretrained("mini")
        >>> for window in tokenizer.encode_windows("Where is it?", max_length=5, stride=1):
        ...     print(tokenizer.decode(window.input_ids))
        [CLS] where is it [SEP]
        [CLS] it? [SEP]
        """
        pieces = self._pieces_of_texts(text, text_pair)
        cut = windowed_text(truncation, len(pieces))
        room = self._room(max_length, (len(pieces) + 1) * add_special_tokens)
        check_stride(stride, room)
        room -= sum(len(each.ids) for each in pieces if each is not pieces[cut])
        encodings = []
        for start, stop in windows(len(pieces[cut].ids), room, stride):
            window = [*pieces[:cut], pieces[cut].part(start, stop), *pieces[cut + 1 :]]
            encodings.append(self._join(window, add_special_tokens))
        return encodings

    def _pieces_of_texts(self, text: str, text_pair: str | None) -> list[Pieces]:
        texts = [text] if text_pair is None else [text, text_pair]
        return [self._pieces_of_text(each) for each in texts]

    def _pieces_of_text(self, text: str) -> Pieces:
        if not isinstance(text, str):
            raise not_a_string(text)
        pieces = Pieces([], [], [])
        if not self._finder.may_find(text):
            self._chunk_pieces.of_text(text, 0, pieces)
            return pieces
        for start, stop, token, normalized in self._finder.segments(text):
            if token:
                pieces.add(token.id, start, stop)
            elif normalized:
                self._chunk_pieces.of_normalized(normalized, pieces)
            else:
                self._chunk_pieces.of_text(text[start:stop], start, pieces)
        return pieces

    def _pieces_of_words(self, words: Iterable[str]) -> Pieces:
        if isinstance(words, str):
            raise TypeError(
                f"words must be an iterable of words, got the string {words!r}; "
                "encode_with_offsets takes whole texts."
            )
        ids, offsets, word_ids = joined = Pieces([], [], [])
        for position, word in enumerate(words):
            try:
                pieces = self._pieces_of_text(word)
            except (TypeError, ValueError) as error:
                raise type(error)(f"Word {position}: {error}") from None
            ids += pieces.ids
            offsets += pieces.offsets
            word_ids += [position] * len(pieces.ids)
        return joined

    def _truncated(
        self,
        pieces: list[Pieces],
        add_special_tokens: bool,
        max_length: int | None,
        truncation: bool | Truncation,
    ) -> Encoding:
        strategy = check_truncation(truncation, len(pieces))
        if strategy:
            room = self._room(max_length, (len(pieces) + 1) * add_special_tokens)
            n_first, n_second = [*(len(each.ids) for each in pieces), 0][:2]
            lengths = truncated_lengths(n_first, n_second, room, strategy)
            pieces = [each.part(0, length) for each, length in zip(pieces, lengths, strict=False)]
        return self._join(pieces, add_special_tokens)

    def _join(self, pieces: list[Pieces], add_special_tokens: bool) -> Encoding:
        if not add_special_tokens:
            return join_pieces(pieces, [], [])
        return join_pieces(pieces, [self.cls_token_id], [self.sep_token_id])
