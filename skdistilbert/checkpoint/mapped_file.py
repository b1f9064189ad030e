"""Files of weights that change while they are mapped.

A file that is replaced, or removed, stays as it was for who has mapped it. One that is written to
in place changes under the feet of the computation; and if it gets shorter, to touch what is gone
ends the process (SIGBUS; Windows refuses to cut a mapped file). So whoever is about to compute
asks first whether that has happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.exceptions import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class MappedFile(NamedTuple):
    """A file as it was when it was mapped."""

    path: Path
    identity: tuple[int, int]  # device and inode: others, once it is replaced
    contents: tuple[int, int]  # size, and time in ns of the last change

    @classmethod
    def now(cls, path: Path) -> MappedFile:
        """Look at a file as it is.

        Raises
        ------
        OSError
            If there is none.
        """
        path = path.absolute()
        state = path.stat()
        return cls(path, (state.st_dev, state.st_ino), (state.st_size, state.st_mtime_ns))

    @property
    def is_overwritten(self) -> bool:
        """Whether it was written to since; not if it was replaced or removed."""
        try:
            now = self.now(self.path)
        except OSError:
            return False
        return now.identity == self.identity and now.contents != self.contents


def is_overwritten(files: Iterable[MappedFile]) -> bool:
    """Tell whether one of the files was written to since it was mapped."""
    return any(file.is_overwritten for file in files)


def check_unchanged(files: Iterable[MappedFile]) -> None:
    """Raise CheckpointError if one of the files was written to since it was mapped."""
    for file in files:
        if file.is_overwritten:
            raise CheckpointError(
                f"{file.path} was written to while its weights were in use. Load the model again; "
                "and replace such files, as save_pretrained does, rather than write into them."
            )
