"""The SQLite file of the embedding cache: its tables, and what is asked of them."""

from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TABLES = (
    """CREATE TABLE embeddings (
        key BLOB PRIMARY KEY, -- digest of a text and of all else that its features depend on
        vector BLOB NOT NULL, -- little-endian float32
        truncated INTEGER NOT NULL, -- 1 if the text was cut, or 0
        checksum BLOB NOT NULL, -- of all that stands before
        last_used INTEGER NOT NULL -- seconds since the epoch
    )""",
    "CREATE INDEX embeddings_last_used ON embeddings (last_used)",
    # Texts that some process is encoding now; if it dies, others take over after the time stated.
    "CREATE TABLE claims (key BLOB PRIMARY KEY, until REAL NOT NULL)",
)
BUSY_SECONDS = 30
SECONDS_BETWEEN_TRIES = 0.01
# Far longer than encoding the texts of one claim takes.
CLAIM_SECONDS = 60
# Uses are noted so coarsely that reading hardly ever writes.
SECONDS_BETWEEN_NOTES = 3600
KEYS_A_QUERY = 500  # SQLite before 3.32 takes 999 variables at most
ROWS_AN_EVICTION = 1000
# Evict down to this share of the limit, so as not to evict at every writing.
KEPT_BY_EVICTION = 0.9


class DamagedStoreError(Exception):
    """What stands in the file was not written by this module."""


class StoredEmbedding(NamedTuple):
    """Pooled states of one text, (n_poolings * dim,), and whether it was cut."""

    vector: NDArray[np.float32]
    truncated: bool


class EmbeddingStore:
    """One connection to the file.

    Raises
    ------
    DamagedStoreError, sqlite3.DatabaseError
        If the file is damaged or no store; by every method.
    OSError, sqlite3.OperationalError
        If it can't be used: not writable, locked for long, no space; by every method.
    """

    def __init__(self, file: Path, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            self._make_or_check_tables()
            # A commit that a crash of the system loses is encoded again.
            self._connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _make_or_check_tables(self) -> None:
        if self._tables() == []:
            self._turn_write_ahead_log_on()
            with self._writing():
                if self._tables() == []:  # still, now that no other process can make them
                    for statement in TABLES:
                        self._connection.execute(statement)
        if self._tables() != sorted(TABLES):
            raise DamagedStoreError("other tables than expected")

    def _turn_write_ahead_log_on(self) -> None:
        """Have readers and writers not wait for each other.

        Unlike all else, SQLite refuses this at once if another connection is at it.
        """
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                    raise
                time.sleep(SECONDS_BETWEEN_TRIES)

    def _tables(self) -> list[str]:
        rows = self._connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        return sorted(sql for (sql,) in rows)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Do all that is inside or nothing of it, alone."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def read(self, keys: Sequence[bytes]) -> dict[bytes, StoredEmbedding]:
        """Give those embeddings that are there."""
        now = int(time.time())
        found, long_unused = self._select(keys, now - SECONDS_BETWEEN_NOTES)
        if long_unused:
            with self._writing():
                for some, marks in _in_queries(long_unused):
                    query = f"UPDATE embeddings SET last_used = ? WHERE key IN ({marks})"
                    self._connection.execute(query, [now, *some])
        return found

    def _select(
        self, keys: Sequence[bytes], used_before: int = 0
    ) -> tuple[dict[bytes, StoredEmbedding], list[bytes]]:
        found, long_unused = {}, []
        for some, marks in _in_queries(keys):
            query = f"SELECT * FROM embeddings WHERE key IN ({marks})"
            for key, vector, truncated, checksum, last_used in self._connection.execute(
                query, some
            ):
                if checksum != _checksum(key, vector, truncated):
                    raise DamagedStoreError("a checksum does not fit")
                found[key] = StoredEmbedding(np.frombuffer(vector, "<f4"), bool(truncated))
                if last_used < used_before:
                    long_unused.append(key)
        return found, long_unused

    def claim(self, keys: Sequence[bytes]) -> tuple[dict[bytes, StoredEmbedding], list[bytes]]:
        """Give those embeddings that are there, and the keys that are now the caller's to encode.

        All others are being encoded by somebody else.
        """
        with self._writing():
            now = time.time()  # not before the wait for others, who claim meanwhile
            until = now + CLAIM_SECONDS
            # A claim beyond `until` is from before the clock was set back.
            self._connection.execute(
                "DELETE FROM claims WHERE until NOT BETWEEN ? AND ?", (now, until)
            )
            found, _ = self._select(keys)
            claimed = {key for (key,) in self._connection.execute("SELECT key FROM claims")}
            own = [key for key in keys if key not in found and key not in claimed]
            self._connection.executemany(
                "INSERT INTO claims VALUES (?, ?)", ((key, until) for key in own)
            )
        return found, own

    def release(self, keys: Sequence[bytes]) -> None:
        """Give claims up."""
        with self._writing():
            self._delete_claims(keys)

    def write(self, embeddings: Mapping[bytes, StoredEmbedding]) -> None:
        """Keep embeddings, give up the claims on them, and evict others if there are too many."""
        now = int(time.time())
        with self._writing():
            self._connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?)",
                (_row(key, stored, now) for key, stored in embeddings.items()),
            )
            self._delete_claims(list(embeddings))
        if self._n_bytes() > self._max_bytes:
            self._evict()

    def _delete_claims(self, keys: Sequence[bytes]) -> None:
        self._connection.executemany("DELETE FROM claims WHERE key = ?", ((key,) for key in keys))

    def _n_bytes(self) -> int:
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _evict(self) -> None:
        """Remove what was not used for the longest time; its space in the file is used again."""
        n_deleted = ROWS_AN_EVICTION
        while n_deleted and self._n_bytes() > KEPT_BY_EVICTION * self._max_bytes:
            with self._writing():
                n_deleted = self._connection.execute(
                    "DELETE FROM embeddings WHERE rowid IN "
                    "(SELECT rowid FROM embeddings ORDER BY last_used, rowid LIMIT ?)",
                    (ROWS_AN_EVICTION,),
                ).rowcount


def _row(key: bytes, stored: StoredEmbedding, now: int) -> tuple[bytes, bytes, int, bytes, int]:
    vector = stored.vector.astype("<f4", copy=False).tobytes()
    truncated = int(stored.truncated)
    return key, vector, truncated, _checksum(key, vector, truncated), now


def _checksum(key: bytes, vector: bytes, truncated: int) -> bytes:
    content = b"".join((key, vector, b"%d" % truncated))
    return hashlib.blake2b(content, digest_size=8).digest()


def _in_queries(keys: Sequence[bytes]) -> Iterable[tuple[Sequence[bytes], str]]:
    for start in range(0, len(keys), KEYS_A_QUERY):
        some = keys[start : start + KEYS_A_QUERY]
        yield some, ", ".join("?" * len(some))
