"""Features of texts kept in a file, shared by estimators, processes and runs."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from skdistilbert.estimators.embedding_store import DamagedStoreError, EmbeddingStore
from skdistilbert.exceptions import warn_user
from skdistilbert.files.user_cache import user_cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from skdistilbert.estimators.embedding_store import StoredEmbedding

Result = TypeVar("Result")

CACHE_FILE = "embeddings.sqlite"
MAX_MEGABYTES_VARIABLE = "SKDISTILBERT_CACHE_MB"
MAX_MEGABYTES = 1024


def embedding_cache_file(embedding_cache: bool | str | os.PathLike[str] | None) -> Path | None:
    """Give the file that an estimator's ``embedding_cache`` parameter means.

    Raises
    ------
    TypeError
        If it is neither None, a bool nor a path.
    """
    if embedding_cache is None or embedding_cache is False:
        return None
    if embedding_cache is True:
        return user_cache_directory() / CACHE_FILE
    if not isinstance(embedding_cache, str | os.PathLike):
        raise TypeError(
            "embedding_cache must be None, True for the user's cache directory, or the path of a "
            f"file or directory; got {embedding_cache!r}."
        )
    path = Path(embedding_cache).expanduser().absolute()
    return path / CACHE_FILE if path.is_dir() else path


def max_cache_bytes() -> int:
    """Give the size that the file is kept to.

    Raises
    ------
    ValueError
        If the environment variable is no number.
    """
    stated = os.environ.get(MAX_MEGABYTES_VARIABLE, MAX_MEGABYTES)
    try:
        return int(float(stated) * 2**20)
    except (ValueError, OverflowError):
        raise ValueError(f"{MAX_MEGABYTES_VARIABLE} must be a number; got {stated!r}.") from None


class EmbeddingCache:
    """The embeddings in a file, while one call of an estimator needs them.

    Whatever is wrong with the file costs time, not the call: a damaged one is set aside as
    ``<name>.damaged``, one that can't be used is left alone, with a warning each.

    Parameters
    ----------
    file : Path or None
        None: nothing is kept.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._max_bytes = max_cache_bytes()
        self._store: EmbeddingStore | None = None
        self._inode: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def read(self, keys: Sequence[bytes]) -> dict[bytes, StoredEmbedding]:
        """Give those embeddings that are there."""
        return self._ask(lambda store: store.read(keys), {})

    def claim(self, keys: list[bytes]) -> tuple[dict[bytes, StoredEmbedding], list[bytes]]:
        """Give those embeddings that are there, and the keys that are now the caller's to encode.

        All others are being encoded by another process or thread.
        """
        nothing: dict[bytes, StoredEmbedding] = {}
        return self._ask(lambda store: store.claim(keys), (nothing, keys))

    def release(self, keys: Sequence[bytes]) -> None:
        """Give claims up."""
        self._ask(lambda store: store.release(keys), None)

    def write(self, embeddings: Mapping[bytes, StoredEmbedding]) -> None:
        """Keep embeddings and give up the claims on them."""
        self._ask(lambda store: store.write(embeddings), None)

    def _ask(self, question: Callable[[EmbeddingStore], Result], otherwise: Result) -> Result:
        for _ in range(2):  # again, if the file was damaged, with an empty one
            try:
                store = self._opened()
                return otherwise if store is None else question(store)
            except (OSError, sqlite3.OperationalError) as error:
                self._do_without(error)
            except (DamagedStoreError, sqlite3.DatabaseError) as error:
                self._set_aside(error)
        return otherwise

    def _opened(self) -> EmbeddingStore | None:
        if self._store is None and self._file is not None:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._inode = _inode(self._file)
            self._store = EmbeddingStore(self._file, self._max_bytes)
        return self._store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = None

    def _do_without(self, error: Exception) -> None:
        file, self._file = self._file, None
        self._close()
        _warn(f"The embedding cache {file} can't be used and is done without: {error}.")

    def _set_aside(self, error: Exception) -> None:
        assert self._file is not None
        self._close()
        # Unless another process has done so, and the file is a new one.
        if self._inode not in (None, _inode(self._file)):
            return
        aside = self._file.with_name(f"{self._file.name}.damaged")
        try:
            # The file itself last: what stands beside its successor is not to be touched.
            for ending in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    Path(f"{self._file}{ending}").replace(f"{aside}{ending}")
        except OSError as failure:
            self._do_without(failure)
        else:
            _warn(f"The embedding cache {self._file} is damaged: {error}. It is now {aside.name}.")


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except OSError:
        return None


def _warn(message: str) -> None:
    warn_user(message, RuntimeWarning)
