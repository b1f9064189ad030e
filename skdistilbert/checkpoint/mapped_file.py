"""Detect changes of weight files while they are memory-mapped.

Replacing or removing a mapped file leaves the mapping unchanged. Writing into the file changes
the weights during a computation, and reading a part that was cut off ends the process with SIGBUS.
Every computation therefore first checks that its files were not written to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.exceptions import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class MappedFile(NamedTuple):
    """The state of a file when it was mapped."""

    path: Path
    identity: tuple[int, int]  # device and inode; replacing the file changes them
    contents: tuple[int, int]  # size, and modification time in ns

    @classmethod
    def now(cls, path: Path) -> MappedFile:
        """Return the present state of a file; raise OSError if it does not exist."""
        path = path.absolute()
        state = path.stat()
        return cls(path, (state.st_dev, state.st_ino), (state.st_size, state.st_mtime_ns))

    @property
    def is_overwritten(self) -> bool:
        """Whether the file was written to after it was mapped; False if replaced or removed."""
        try:
            now = self.now(self.path)
        except OSError:
            return False
        return now.identity == self.identity and now.contents != self.contents


def is_overwritten(files: Iterable[MappedFile]) -> bool:
    """Return whether one of the files was written to since it was mapped."""
    return any(file.is_overwritten for file in files)


def check_unchanged(files: Iterable[MappedFile]) -> None:
    """Raise CheckpointError if one of the files was written to since it was mapped."""
    for file in files:
        if file.is_overwritten:
            raise CheckpointError(
                f"{file.path} was written to while its weights were in use. Load the model again. "
                "Replace such files, as save_pretrained does, instead of writing into them."
            )
