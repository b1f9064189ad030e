"""Access to the cache file that never raises: after an error, texts are encoded again."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from skdistilbert.estimators.cache.embedding_store import EmbeddingStore
from skdistilbert.exceptions import warn_user
from skdistilbert.files.user_cache import user_cache_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from skdistilbert.estimators.cache.embedding_store import StoredEmbedding

Result = TypeVar("Result")

CACHE_FILE = "embeddings.sqlite"
MAX_MEGABYTES_VARIABLE = "SKDISTILBERT_CACHE_MB"
MAX_MEGABYTES = 1024


def embedding_cache_file(embedding_cache: bool | str | os.PathLike[str] | None) -> Path | None:
    """Return the file that an estimator's ``embedding_cache`` parameter names, or None."""
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


def _max_bytes() -> int:
    value = os.environ.get(MAX_MEGABYTES_VARIABLE, MAX_MEGABYTES)
    try:
        return int(float(value) * 2**20)
    except (ValueError, OverflowError):
        raise ValueError(
            f"The environment variable {MAX_MEGABYTES_VARIABLE} must be a number of megabytes, "
            f"such as {MAX_MEGABYTES}; got {value!r}."
        ) from None


class EmbeddingCache:
    """The embeddings in a cache file, during one call of an estimator.

    Without a file, nothing is read or stored. An error causes a warning, and the rest of the call
    encodes all texts. A damaged file is renamed to ``<name>.damaged``, so that the next call
    starts a new file.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._max_bytes = _max_bytes()
        self._store: EmbeddingStore | None = None
        self._inode: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._store is not None:
            self._store.close()
        self._store = None

    def read(self, keys: Sequence[bytes]) -> dict[bytes, StoredEmbedding]:
        """Return the stored embeddings."""
        return self._attempt(lambda store: store.read(keys), {})

    def claim(self, keys: list[bytes]) -> tuple[dict[bytes, StoredEmbedding], list[bytes]]:
        """Return the stored embeddings, and the missing keys that no process has claimed yet.

        The call claims these missing keys. The caller must encode their texts and call `write`.
        """
        nothing: dict[bytes, StoredEmbedding] = {}
        return self._attempt(lambda store: store.claim(keys), (nothing, keys))

    def write(self, embeddings: Mapping[bytes, StoredEmbedding], claimed: Sequence[bytes]) -> None:
        """Store embeddings and delete the claims on keys."""
        self._attempt(lambda store: store.write(embeddings, claimed), None)

    def _attempt(self, operation: Callable[[EmbeddingStore], Result], default: Result) -> Result:
        if self._file is None:
            return default
        try:
            if self._store is None:
                self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._inode = _inode(self._file)
                self._store = EmbeddingStore(self._file, self._max_bytes)
            return operation(self._store)
        # SQLite's messages may quote bytes of a damaged file, which sqlite3 cannot decode.
        except (OSError, sqlite3.DatabaseError, UnicodeDecodeError) as error:
            self.__exit__()
            file, self._file = self._file, None
            warn_user(
                f"The embedding cache {file} cannot be used: {error}."
                + self._set_aside(file, error),
                RuntimeWarning,
            )
            return default

    def _set_aside(self, file: Path, error: Exception) -> str:
        """Rename a damaged file and return a sentence about it."""
        is_damaged = not isinstance(error, OSError | sqlite3.OperationalError)
        # Another process may already have replaced the file.
        if not is_damaged or self._inode not in (None, _inode(file)):
            return ""
        try:
            # SQLite would apply the journal of an interrupted transaction to the new file.
            for ending in ("-journal", ""):
                with suppress(FileNotFoundError):
                    Path(f"{file}{ending}").replace(f"{file}.damaged{ending}")
        except OSError as failure:
            return f" It is damaged, but cannot be renamed: {failure}."
        return f" It is damaged and was renamed to {file.name}.damaged."


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except OSError:
        return None
