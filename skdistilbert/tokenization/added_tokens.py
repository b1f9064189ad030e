"""Tokens that are looked for in the text itself, before it is split: [MASK] and the like.

The rules are those of the Rust library `tokenizers` (``added_vocabulary.rs``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class AddedToken:
    """A token found wherever its content stands in a text.

    Parameters
    ----------
    content : str
    id : int
    special : bool, default=False
        Left out by ``decode(skip_special_tokens=True)``; ordinary text under
        ``split_special_tokens``.
    lstrip, rstrip : bool, default=False
        It takes the whitespace to its left or right with it.
    single_word : bool, default=False
        Only where no letter, digit or underscore stands on either side.
    normalized : bool, default=False
        Looked for in the normalised text.

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
    normalized: bool = False

    def __repr__(self) -> str:
        flags = ("special", "lstrip", "rstrip", "single_word", "normalized")
        shown = "".join(f", {flag}=True" for flag in flags if getattr(self, flag))
        return f"AddedToken({self.content!r}, {self.id}{shown})"


class Segment(NamedTuple):
    """A part of a text: an added token, or, with `token` None, text between them."""

    start: int
    stop: int
    token: AddedToken | None


class AddedTokenFinder:
    """Cuts texts at the added tokens they hold; of several at one place the longest counts."""

    def __init__(self, tokens: Sequence[AddedToken]) -> None:
        self._by_content = {token.content: token for token in tokens if token.content}
        contents = sorted(self._by_content, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, contents)) or r"(?!)")
        # No text without one of these characters can hold a token: a quick look for most.
        self._first_characters = tuple({content[0] for content in contents})

    def may_find(self, text: str) -> bool:
        """Tell, quickly, whether a text may hold a token."""
        for character in self._first_characters:  # noqa: SIM110 - any() takes three times as long
            if character in text:
                return True
        return False

    def segments(self, text: str) -> Iterator[Segment]:
        """Cut a text at its tokens."""
        done = 0
        for match in self._pattern.finditer(text):
            token = self._by_content[match.group()]
            start, stop = match.span()
            if token.single_word and _touches_word(text, start, stop):
                continue
            if token.lstrip:
                start = max(len(text[:start].rstrip()), done)
            if token.rstrip:
                stop = len(text) - len(text[stop:].lstrip())
            if done < start:
                yield Segment(done, start, None)
            yield Segment(start, stop, token)
            done = stop
        if done < len(text):
            yield Segment(done, len(text), None)


def _touches_word(text: str, start: int, stop: int) -> bool:
    before, after = text[start - 1 : start] if start else "", text[stop : stop + 1]
    return re.match(r"\w", before) is not None or re.match(r"\w", after) is not None
