"""The progress of a long call, shown on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 5


@contextmanager
def showing_progress(n_texts: int, title: str) -> Iterator[Callable[[int], object]]:
    """Yield a function to call with the number of texts that have been processed since.

    It moves a progress bar if tqdm is installed, and otherwise prints a line every few seconds.
    It does nothing if the title is empty.
    """
    if not title:
        yield lambda _: None
        return
    shown = _bar(n_texts, title) or _Lines(n_texts, title)
    try:
        yield shown.update
    finally:
        shown.close()


def _bar(n_texts: int, title: str) -> Any:  # noqa: ANN401 - tqdm has no types
    try:
        from tqdm.auto import tqdm
    except ImportError:  # the extra is not installed
        return None
    return tqdm(total=n_texts, desc=title, unit="text")


class _Lines:
    def __init__(self, n_texts: int, title: str) -> None:
        self._n_texts, self._title = n_texts, title
        self._n_done, self._n_printed = 0, -1
        self._start = self._last_line = time.monotonic()

    def update(self, n_texts: int) -> None:
        self._n_done += n_texts
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._print()

    def close(self) -> None:
        if self._n_done != self._n_printed:
            self._print()

    def _print(self) -> None:
        self._last_line, self._n_printed = time.monotonic(), self._n_done
        print(
            f"{self._title}: {self._n_done} of {self._n_texts} texts, "
            f"{self._last_line - self._start:.0f} s",
            file=sys.stderr,
        )
