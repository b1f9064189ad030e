"""Replace files of a directory so that a crash never leaves an undetected mix of old and new.

All new files are first written to a hidden directory inside the target directory. When they are
complete, this directory is renamed to ``.unfinished-save``, its files are moved to their places,
and the empty directory is removed. Before the renaming, a crash leaves the old files. Afterwards
``.unfinished-save`` marks the directory, so that loading fails, and the next save first completes
the interrupted one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.module_paths import transformer_directory

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Content = bytes | Callable[[Path], object] | None

UNFINISHED = ".unfinished-save"
STAGING_PREFIX = ".saving-"
SECONDS_TO_WAIT_FOR_SAVE = 1.0


def replace_files(directory: Path, files: Mapping[str, Content]) -> None:
    """Write, replace and remove files of a directory; keep its other files.

    `files` maps a name to its content, to a function that writes the file at the given path, or
    to None to remove the file. The directory is created if it does not exist. A name may include
    a subdirectory, which is then not removed.
    """
    directory = directory.absolute()
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(f"Cannot save to {directory}: it is a file, not a directory.")
    if (inner := transformer_directory(directory)) != directory:
        raise CheckpointError(
            f"Cannot save to {directory}: its modules.json says that the encoder is in "
            f"{inner.name!r:.99}, so the saved files would not be read. Choose another directory."
        )
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory) as descriptor:
        _clean_up_killed_saves(directory, descriptor)
        with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=directory) as name:
            staged = Path(name, "files")
            _write(staged, files)
            _move_into_place(staged, directory, descriptor)


def check_save_is_finished(directory: Path) -> None:
    """Raise CheckpointError if a save to a directory was interrupted while it moved files.

    A save that is still running gets one second to finish.
    """
    give_up = time.monotonic() + SECONDS_TO_WAIT_FOR_SAVE
    while (directory / UNFINISHED).exists():
        if time.monotonic() > give_up:
            raise CheckpointError(
                f"{directory} may hold a mixture of old and new files, because a save to it was "
                "interrupted. Save the model to this directory again, or restore the directory "
                f"from a copy. {directory / UNFINISHED} holds the files that were not moved yet."
            )
        time.sleep(0.01)


@contextmanager
def _locked(directory: Path) -> Iterator[int | None]:
    """Wait until no other save to the directory runs; yield the directory's descriptor.

    Windows cannot open directories. Concurrent saves to one directory may fail there.
    """
    if fcntl is None:
        yield None
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield descriptor
        finally:
            with suppress(OSError):  # closing is not enough if a fork has copied the descriptor
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _clean_up_killed_saves(directory: Path, descriptor: int | None) -> None:
    """Complete a save that was killed while it moved files, and remove temporary files."""
    if (directory / UNFINISHED).is_dir():
        _move_files(directory / UNFINISHED, directory, descriptor)
    for leftover in directory.glob(f"{STAGING_PREFIX}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _write(staged: Path, files: Mapping[str, Content]) -> None:
    """Write the new files; an empty directory marks a file of the same name for removal."""
    staged.mkdir()
    for name, content in files.items():
        path = staged / name
        path.parent.mkdir(exist_ok=True)
        if content is None:
            path.mkdir()
            continue
        if callable(content):
            content(path)
        else:
            path.write_bytes(content)
        with path.open("rb+") as file:  # Windows flushes only files that are open for writing
            os.fsync(file.fileno())


def _move_into_place(staged: Path, directory: Path, descriptor: int | None) -> None:
    n_files, unfinished = len(_entries(staged)), directory / UNFINISHED
    try:
        staged.rename(unfinished)
        _flush(descriptor)
        _move_files(unfinished, directory, descriptor)
    except BaseException:  # KeyboardInterrupt, too
        if unfinished.exists() and len(_entries(unfinished)) == n_files:
            unfinished.rename(staged)  # no file was replaced: the old files stay
        elif unfinished.exists():
            _move_files(unfinished, directory, descriptor)
        raise


def _move_files(unfinished: Path, directory: Path, descriptor: int | None) -> None:
    # Weights come first: Windows refuses to replace them while a model uses them.
    def order(entry: Path) -> tuple[bool, bool]:
        return entry.is_dir(), entry.suffix != ".safetensors"

    for entry in sorted(_entries(unfinished), key=order):
        target = directory / entry.relative_to(unfinished)
        if not entry.is_dir():
            target.parent.mkdir(exist_ok=True)
            entry.replace(target)
        elif not target.is_dir():  # a subdirectory from which all files have been moved
            target.unlink(missing_ok=True)
            entry.rmdir()
    _flush(descriptor)
    shutil.rmtree(unfinished)


def _entries(staged: Path) -> list[Path]:
    """Return the new files, and the empty directories that mark files to remove."""
    return [path for path in staged.rglob("*") if path.is_file() or not any(path.iterdir())]


def _flush(descriptor: int | None) -> None:
    if descriptor is not None:
        os.fsync(descriptor)
