"""Remembering what was worked out of words, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Value = TypeVar("Value")

# A memo's strings have so many characters at most, each counted with what it costs beside.
MAX_CHARACTERS = 2_500_000
CHARACTERS_BESIDE = 16
# Longer ones hardly come again.
MAX_LENGTH = 256


class Memo(dict[str, Value]):
    """What was worked out of each string; all is forgotten when it becomes too much.

    `__missing__` of a subclass works it out, so that a thread may forget while others read.
    """

    _n_characters = 0

    def remember(self, key: str, value: Value) -> Value:
        """Keep a value, and give it."""
        length = len(key)
        if length <= MAX_LENGTH:
            self._n_characters += length + CHARACTERS_BESIDE
            if self._n_characters > MAX_CHARACTERS:
                self._forget(length + CHARACTERS_BESIDE)
            self[key] = value
        return value

    def remember_all(self, keys: Sequence[str], values: Iterable[Value]) -> None:
        """Keep the values of many new keys, or none if they are too many."""
        n_characters = sum(map(len, keys)) + CHARACTERS_BESIDE * len(keys)
        if n_characters > MAX_CHARACTERS:
            return
        self._n_characters += n_characters
        if self._n_characters > MAX_CHARACTERS:
            self._forget(n_characters)
        self.update(zip(keys, values, strict=True))

    def _forget(self, n_characters: int) -> None:
        """Forget all but what is about to be remembered."""
        self.clear()
        self._n_characters = n_characters
