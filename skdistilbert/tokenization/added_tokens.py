"""Tokens that are looked for in the text itself, before it is split: [MASK] and the like."""

from __future__ import annotations

from dataclasses import dataclass


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
        Only where no letter, mark, digit or underscore stands on either side.
    normalized : bool, default: not `special`
        Looked for as the tokenizer normalises it (lowercased, without accents), in the normalised
        text.

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
