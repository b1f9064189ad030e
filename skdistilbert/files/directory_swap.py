"""Putting a finished directory in the place of another, in one step where that can be."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

AT_FDCWD = -100
EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
# A directory can't change places: it is a mounted volume, or what it stands in may not be written.
FIXED = {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS}


def replace_files(
    directory: Path,
    contents: Mapping[str, bytes | None],
    write_more: Callable[[Path], None] | None = None,
) -> None:
    """Write files into a new directory beside `directory`, then let it take its place.

    Files that are not named stay as they were. A directory that can't change places, such as the
    volume of a container, gets one new file after the other, those of `write_more` last.

    Parameters
    ----------
    directory : Path
        Made if it does not exist.
    contents : mapping of str to bytes or None
        By file name; None for a file of the old directory that shall not stay.
    write_more : callable, optional
        Given the new directory, writes further files into it.

    Raises
    ------
    ValueError
        If `directory` is the working directory or above it: that can't change places.
    NotADirectoryError
        If there is a file of that name.
    """
    directory = directory.resolve()
    if Path.cwd().is_relative_to(directory):
        raise ValueError(f"{directory} holds the working directory; save to one of its own.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    if os.path.ismount(directory):  # to find out later would mean to copy all that is in it
        _replace_one_by_one(directory, contents, write_more)
        return
    try:
        _replace_directory(directory, contents, write_more)
    except OSError as error:
        # On Windows it may also be a model in use, of which nothing may be replaced.
        if error.errno not in FIXED or not directory.is_dir() or sys.platform == "win32":
            raise
        _replace_one_by_one(directory, contents, write_more)


def _replace_directory(
    directory: Path,
    contents: Mapping[str, bytes | None],
    write_more: Callable[[Path], None] | None,
) -> None:
    with tempfile.TemporaryDirectory(
        prefix=f".{directory.name}-saving-", dir=directory.parent
    ) as name:
        staged = Path(name, directory.name)
        staged.mkdir()
        _write(staged, contents, write_more)
        if directory.exists():
            _keep_others(directory, staged, contents.keys())
            _exchange(staged, directory)
        else:
            staged.rename(directory)
    _flush_to_disk(directory.parent)


def _replace_one_by_one(
    directory: Path,
    contents: Mapping[str, bytes | None],
    write_more: Callable[[Path], None] | None,
) -> None:
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=directory) as name:
        staged = Path(name)
        _write(staged, contents, write_more)
        for file in sorted(staged.iterdir(), key=lambda file: file.name not in contents):
            file.replace(directory / file.name)
    for file_name, content in contents.items():
        if content is None:
            (directory / file_name).unlink(missing_ok=True)
    _flush_to_disk(directory)


def _write(
    staged: Path,
    contents: Mapping[str, bytes | None],
    write_more: Callable[[Path], None] | None,
) -> None:
    for file_name, content in contents.items():
        if content is not None:
            (staged / file_name).write_bytes(content)
    if write_more:
        write_more(staged)
    for file in staged.iterdir():
        _flush_to_disk(file)


def _keep_others(old: Path, new: Path, replaced: Collection[str]) -> None:
    written = {file.name for file in new.iterdir()}
    for entry in old.iterdir():  # raises NotADirectoryError where a file is in the way
        if entry.name in written or entry.name in replaced:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, new / entry.name, symlinks=True, copy_function=_link)
        else:
            _link(entry, new / entry.name)
    shutil.copystat(old, new)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError, AttributeError):  # no such links here
        shutil.copy2(source, target, follow_symlinks=False)


def _exchange(staged: Path, directory: Path) -> None:
    if _exchange_in_one_step(staged, directory):
        return
    old = staged.with_name(f"{directory.name}-old")
    try:
        directory.rename(old)
        staged.rename(directory)
    except BaseException:  # Ctrl-C, too: what stands here is about to be removed
        if old.exists() and not directory.exists():
            old.rename(directory)
        raise


def _exchange_in_one_step(first: Path, second: Path) -> bool:
    """Exchange two directories; tell whether the platform and the file system can."""
    if sys.platform == "win32":
        return False
    library, paths = ctypes.CDLL(None), (os.fsencode(first), os.fsencode(second))
    if hasattr(library, "renameat2"):  # Linux
        done: int = library.renameat2(AT_FDCWD, paths[0], AT_FDCWD, paths[1], EXCHANGE)
    elif hasattr(library, "renamex_np"):  # macOS
        done = library.renamex_np(*paths, EXCHANGE)
    else:
        return False
    return done == 0


def _flush_to_disk(path: Path) -> None:
    if path.is_dir() and sys.platform == "win32":  # directories can't be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
