"""Progress and logs of the estimators on stderr."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS_BETWEEN_LINES = 5


def log(line: str) -> None:
    """Print a line to stderr."""
    if sys.stderr is not None:  # None in programs without a console
        print(line, file=sys.stderr, flush=True)


@contextmanager
def showing_progress(n_texts: int, title: str) -> Iterator[Callable[[int], object]]:
    """Yield a function to call with the number of texts processed since the previous call.

    In terminals and notebooks, the function moves a progress bar if tqdm is installed. Otherwise,
    as in a log file, it prints a line every few seconds. It does nothing if the title is empty.
    """
    if not title:
        yield lambda _: None
        return
    shown = (_bar(n_texts, title) if _is_interactive() else None) or _Lines(n_texts, title)
    try:
        yield shown.update
    finally:
        shown.close()


def _is_interactive() -> bool:
    """Return whether stderr is a terminal or the output of a notebook."""
    stderr = sys.stderr
    in_notebook = type(stderr).__module__.partition(".")[0] == "ipykernel"
    return stderr is not None and (in_notebook or stderr.isatty())


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
        log(
            f"{self._title}: {self._n_done} of {self._n_texts} texts, "
            f"{self._last_line - self._start:.0f} s"
        )
