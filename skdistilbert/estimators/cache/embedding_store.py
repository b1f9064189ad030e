"""The SQLite file of the embedding cache: one row per text, and claims of running processes.

Commits do not wait for the disk. A crash of the operating system may therefore damage the file,
which the checksum of every row detects.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TABLES = (
    """CREATE TABLE embeddings (
        key BLOB PRIMARY KEY, -- digest of the text and of everything else that affects its vector
        vector BLOB NOT NULL, -- little-endian float32
        truncated INTEGER NOT NULL, -- 1 if the text was truncated, otherwise 0
        checksum BLOB NOT NULL, -- of key, vector and truncated
        last_used INTEGER NOT NULL -- seconds since the epoch
    )""",
    "CREATE INDEX embeddings_last_used ON embeddings (last_used)",
    # Texts that a process is encoding. The claims of a killed process expire.
    "CREATE TABLE claims (key BLOB PRIMARY KEY, until REAL NOT NULL)",
)
BUSY_SECONDS = 30
CLAIM_SECONDS = 60  # encoding the texts of one claim takes a few seconds
SECONDS_BETWEEN_UPDATES = 3600  # of `last_used`, so that reading rarely writes


class StoredEmbedding(NamedTuple):
    """The pooled states of one text, or the states of the tokens of one window."""

    vector: NDArray[np.float32]  # (n_poolings * dim,) or (n_tokens * dim,)
    truncated: bool  # whether the text was truncated
    last_used: int = 0  # seconds since the epoch


class EmbeddingStore:
    """A connection to the file, which is created if it does not exist.

    The least recently used rows are evicted when the file has more than `max_bytes` in use. All
    methods raise `OSError` or `sqlite3.OperationalError` if the file cannot be used, for example
    because it stays locked, and another `sqlite3.DatabaseError` if it is damaged.
    """

    def __init__(self, file: Path, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._connection = sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            self._connection.text_factory = bytes  # damaged text is not decoded
            self._connection.execute("PRAGMA synchronous = OFF")
            if not self._tables():
                self._create_tables()
            if self._tables() != {statement.encode() for statement in TABLES}:
                raise sqlite3.DatabaseError("unexpected tables")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _create_tables(self) -> None:
        with self._transaction("IMMEDIATE"):
            if not self._tables():  # no other process has created them while this one waited
                for statement in TABLES:
                    self._connection.execute(statement)

    def _tables(self) -> set[bytes]:
        rows = self._connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {sql for (sql,) in rows}

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def read(self, keys: Sequence[bytes]) -> dict[bytes, StoredEmbedding]:
        """Return the stored embeddings."""
        with self._transaction("DEFERRED"):
            found = self._select(keys)
        now = int(time.time())
        limit = now - SECONDS_BETWEEN_UPDATES
        if outdated := [(now, key) for key in found if found[key].last_used < limit]:
            with self._transaction("IMMEDIATE"):
                query = "UPDATE embeddings SET last_used = ? WHERE key = ?"
                self._connection.executemany(query, outdated)
        return found

    def _select(self, keys: Sequence[bytes]) -> dict[bytes, StoredEmbedding]:
        found = {}
        for key in keys:
            rows = self._connection.execute("SELECT * FROM embeddings WHERE key = ?", (key,))
            for _, vector, truncated, checksum, last_used in rows:
                types = type(vector), type(truncated), type(last_used)
                if types != (bytes, int, int) or checksum != _checksum(key, vector, truncated):
                    raise sqlite3.DatabaseError("a checksum does not match")
                array = np.frombuffer(vector, "<f4")
                found[key] = StoredEmbedding(array, bool(truncated), last_used)
        return found

    def claim(self, keys: Sequence[bytes]) -> tuple[dict[bytes, StoredEmbedding], list[bytes]]:
        """Return the stored embeddings, and the other keys that no process has claimed yet.

        The caller must encode the texts of these other keys.
        """
        with self._transaction("IMMEDIATE"):
            now = time.time()  # after waiting for the lock
            until = now + CLAIM_SECONDS
            # A later time than `until` means that the clock was set back.
            self._connection.execute(
                "DELETE FROM claims WHERE until NOT BETWEEN ? AND ?", (now, until)
            )
            found = self._select(keys)
            claim = "INSERT OR IGNORE INTO claims VALUES (?, ?)"
            missing = (key for key in keys if key not in found)
            own = [
                key for key in missing if self._connection.execute(claim, (key, until)).rowcount
            ]
        return found, own

    def write(self, embeddings: Mapping[bytes, StoredEmbedding], claimed: Sequence[bytes]) -> None:
        """Store embeddings, delete claims, and evict the least recently used rows."""
        with self._transaction("IMMEDIATE"):
            rows = (_row(key, *embedding) for key, embedding in embeddings.items())
            insert = "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?, ?)"
            self._connection.executemany(insert, rows)
            keys = ((key,) for key in claimed)
            self._connection.executemany("DELETE FROM claims WHERE key = ?", keys)
            while self._n_bytes() > self._max_bytes and self._evict():
                pass

    def _n_bytes(self) -> int:
        pages, free, size = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def _evict(self) -> int:
        """Delete the least recently used tenth of the rows, and return the number of rows.

        SQLite reuses the space of the deleted rows.
        """
        return self._connection.execute(
            "DELETE FROM embeddings WHERE rowid IN (SELECT rowid FROM embeddings ORDER BY "
            "last_used, rowid LIMIT (SELECT count(*) / 10 + 1 FROM embeddings))"
        ).rowcount


def _row(
    key: bytes, vector: NDArray[np.float32], truncated: bool, *_: object
) -> tuple[bytes, bytes, bool, bytes, int]:
    content = vector.astype("<f4", copy=False).tobytes()
    return key, content, truncated, _checksum(key, content, truncated), int(time.time())


def _checksum(key: bytes, vector: bytes, truncated: int) -> bytes:
    content = b"".join((key, vector, b"%d" % truncated))
    return hashlib.blake2b(content, digest_size=8).digest()
