"""``README.md`` files that this package writes, and may replace if nobody has changed them.

The last line of such a file is a comment with the hash of all other lines. A file without this
line, or with another hash, was written or changed by the user.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

README_FILE = "README.md"


def is_generated(file: Path) -> bool:
    """Return whether this package wrote a file and nobody has changed it."""
    if not file.is_file():
        return False
    content = file.read_bytes().replace(b"\r\n", b"\n")  # git may convert line ends
    text, _, _ = content.rpartition(b"<!--")
    return content == _with_hash(text)


def generated_readme(text: str) -> bytes:
    """Return the contents of a file that `is_generated` recognises."""
    return _with_hash(text.encode() + b"\n")


def _with_hash(text: bytes) -> bytes:
    digest = hashlib.sha256(text).hexdigest()
    return text + f"<!-- Written by skdistilbert, SHA-256 of the text: {digest} -->\n".encode()
