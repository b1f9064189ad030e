"""Finding added tokens in a text.

The rules are those of the Rust library `tokenizers` (``added_vocabulary.rs``): tokens that are not
`normalized` are looked for in the text itself; the others in what is left of it, once normalised.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.normalization import STRIPPED, Aligned, CodePoints, Normalizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from skdistilbert.tokenization.added_tokens import AddedToken

WORD_CHARACTERS = CodePoints(tables.WORD_CHARACTERS)


class Segment(NamedTuple):
    """A part of a text: an added token, or text between them, which may be normalised already."""

    start: int
    stop: int
    token: AddedToken | None
    normalized: Aligned | None = None


class AddedTokenFinder:
    """Cuts texts at the added tokens they hold.

    Parameters
    ----------
    tokens : iterable of AddedToken
    normalizer : Normalizer
    split_special_tokens : bool
        Leave special tokens where they are.
    """

    def __init__(
        self, tokens: Iterable[AddedToken], normalizer: Normalizer, *, split_special_tokens: bool
    ) -> None:
        in_text: dict[str, AddedToken] = {}
        in_normalized: dict[str, AddedToken] = {}
        for token in sorted(tokens, key=lambda token: not token.special):
            if token.normalized:
                in_normalized.setdefault(normalizer.normalize(token.content), token)
            else:
                in_text.setdefault(token.content, token)
        self._in_text = _Matcher(in_text, split_special_tokens)
        self._in_normalized = _Matcher(in_normalized, split_special_tokens)
        self._normalizer = normalizer
        # For a quick look: no text without one of these can hold a token. "" is in every text.
        self._contents = ("",) if in_normalized else tuple(in_text)
        first = {content[:1] for content in self._contents}
        # All tokens begin with this, or with characters that differ.
        self.first_character = first.pop() if len(first) == 1 else ""

    def may_find(self, text: str) -> bool:
        """Tell, quickly, whether a text may hold a token."""
        return self.first_character in text and any(map(text.__contains__, self._contents))

    def segments(self, text: str) -> Iterator[Segment]:
        """Cut a text at its tokens."""
        for start, stop, token in self._in_text.spans(text):
            between = text[start:stop]
            if token or not self._in_normalized.may_find(self._normalizer.normalize(between)):
                yield Segment(start, stop, token)
            else:
                yield from self._normalized_segments(between, start)

    def _normalized_segments(self, text: str, at: int) -> Iterator[Segment]:
        normalized, origins = self._normalizer.normalize_aligned(text)
        for first, last, token in self._in_normalized.spans(normalized):
            places = [at + origin for origin in origins[first:last]]
            between = None if token else Aligned(normalized[first:last], places)
            yield Segment(places[0], places[-1] + 1, token, between)


class _Matcher:
    """Finds tokens by their contents; of several at one place the longest counts."""

    def __init__(self, tokens: dict[str, AddedToken], split_special_tokens: bool) -> None:
        self._tokens = {content: token for content, token in tokens.items() if content}
        contents = sorted(self._tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, contents)) or r"(?!)")
        self._split_special_tokens = split_special_tokens

    def may_find(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    def spans(self, text: str) -> Iterator[tuple[int, int, AddedToken | None]]:
        done = 0
        for match in self._pattern.finditer(text):
            token = self._tokens[match.group()]
            start, stop = match.span()
            if token.special and self._split_special_tokens:
                continue
            if token.single_word and _touches_word(text, start, stop):
                continue
            if token.lstrip:
                start = max(len(text[:start].rstrip(STRIPPED)), done)
            if token.rstrip:
                stop = len(text) - len(text[stop:].lstrip(STRIPPED))
            if done < start:
                yield done, start, None
            yield start, stop, token
            done = stop
        if done < len(text):
            yield done, len(text), None


def _touches_word(text: str, start: int, stop: int) -> bool:
    around = (text[start - 1 : start] if start else "") + text[stop : stop + 1]
    return any(character in WORD_CHARACTERS for character in around)
