"""Added tokens, such as [MASK], which are found in a text before it is split into words.

The rules follow the Rust library `tokenizers` (``added_vocabulary.rs``). Tokens with
`normalized=False` are searched in the text itself. All other tokens are then searched in the
remaining parts, after normalisation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization import unicode_tables as tables
from skdistilbert.tokenization.normalization import STRIPPED, CodePoints, Normalizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WORD_CHARACTERS = CodePoints(tables.WORD_CHARACTERS)


@dataclass(frozen=True)
class AddedToken:
    """A token that is found wherever a text contains it.

    Parameters
    ----------
    content : str
    id : int
    special : bool, default=False
        ``decode(skip_special_tokens=True)`` leaves out the token, and
        ``split_special_tokens=True`` treats it as ordinary text.
    lstrip, rstrip : bool, default=False
        The token includes the whitespace to its left or right.
    single_word : bool, default=False
        Find the token only where no letter, mark, digit or underscore adjoins it.
    normalized : bool, default: not `special`
        Normalise the content (lower case, no accents), and search it in the normalised text.

    Examples
    --------
    >>> from skdistilbert.tokenization import AddedToken
    >>> AddedToken("[USER]", 30522, special=True)
    AddedToken('[USER]', 30522, special=True)
    """

    content: str
    id: int
    special: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False
    normalized: bool | None = None

    def __post_init__(self) -> None:
        if self.normalized is None:
            object.__setattr__(self, "normalized", not self.special)

    def __repr__(self) -> str:
        flags = ("special", "lstrip", "rstrip", "single_word")
        shown = "".join(f", {flag}=True" for flag in flags if getattr(self, flag))
        if self.normalized is self.special:
            shown += f", normalized={self.normalized}"
        return f"AddedToken({self.content!r}, {self.id}{shown})"


class Segment(NamedTuple):
    """A part of a text: an added token, or normalised text between added tokens.

    Attributes
    ----------
    token : AddedToken or None
    text : str
    origins : sequence of int
        Position in the original text of each character of `text`.
    """

    token: AddedToken | None
    text: str
    origins: Sequence[int]


class AddedTokenFinder:
    """Cut texts at their added tokens, and normalise the text between them.

    Parameters
    ----------
    tokens : iterable of AddedToken
    normalizer : Normalizer
    split_special_tokens : bool
        Do not find special tokens.
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

    def finds_any(self, text: str) -> bool:
        """Return whether a text may contain added tokens; False is certain, True is not."""
        if self._in_text.search(text):
            return True
        if not self._in_normalized.tokens:
            return False
        return self._in_normalized.search(self._normalizer.normalize(text)) is not None

    def segments(self, text: str) -> Iterator[Segment]:
        """Yield the added tokens of a text and the normalised text between them, in order."""
        for start, stop, token in self._in_text.spans(text):
            if token:
                yield Segment(token, text[start:stop], range(start, stop))
            else:
                yield from self._normalized_segments(text[start:stop], start)

    def _normalized_segments(self, text: str, offset: int) -> Iterator[Segment]:
        normalized, origins = self._normalizer.normalize_aligned(text)
        if offset:
            origins = [offset + origin for origin in origins]
        for start, stop, token in self._in_normalized.spans(normalized):
            yield Segment(token, normalized[start:stop], origins[start:stop])


class _Matcher:
    """Find tokens by their contents. Where several tokens match, the longest is found."""

    def __init__(self, tokens: dict[str, AddedToken], split_special_tokens: bool) -> None:
        self.tokens = {content: token for content, token in tokens.items() if content}
        contents = sorted(self.tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, contents)) or "(?!)")
        self.search = self._pattern.search
        self._split_special_tokens = split_special_tokens

    def spans(self, text: str) -> Iterator[tuple[int, int, AddedToken | None]]:
        """Yield start, stop and token of each match, and start, stop, None of the text between."""
        done = 0
        for match in self._pattern.finditer(text) if self.tokens else ():
            token = self.tokens[match.group()]
            if self._is_excluded(token, match):
                continue
            start, stop = match.span()
            if token.lstrip:
                start = max(len(text[:start].rstrip(STRIPPED)), done)
            if token.rstrip:
                stop = len(text) - len(text[stop:].lstrip(STRIPPED))
            if start >= stop:  # The previous token includes this whitespace.
                continue
            if done < start:
                yield done, start, None
            yield start, stop, token
            done = stop
        if done < len(text):
            yield done, len(text), None

    def _is_excluded(self, token: AddedToken, match: re.Match[str]) -> bool:
        if token.special and self._split_special_tokens:
            return True
        start, stop = match.span()
        neighbours = match.string[max(start - 1, 0) : start] + match.string[stop : stop + 1]
        return token.single_word and any(each in WORD_CHARACTERS for each in neighbours)
