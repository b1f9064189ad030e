"""Memory of this process."""

from __future__ import annotations

import re
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def memory_in_use() -> int | None:
    """Return the bytes of physical memory in use, or None where /proc does not exist."""
    return from_status("VmRSS") if STATUS.is_file() else None


def peak_memory() -> int | None:
    """Return the peak of physical memory in bytes, or None on Windows."""
    if STATUS.is_file():
        return from_status("VmHWM")
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def from_status(field: str) -> int:
    """Return a field of /proc/self/status in bytes (Linux)."""
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text("ascii"))
    assert found is not None, field
    return 1024 * int(found[1])
