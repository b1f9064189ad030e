"""Memory of this process."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

STATUS = Path("/proc/self/status")


def memory_in_use() -> int | None:
    """Return the bytes of physical memory in use, or None if the platform does not report it."""
    if STATUS.is_file():
        return from_status("VmRSS")
    if find_spec("psutil") is None:
        return None
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_memory() -> int | None:
    """Return the peak of physical memory in bytes, or None if the platform does not report it."""
    if STATUS.is_file():
        return from_status("VmHWM")
    if sys.platform != "win32":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    if find_spec("psutil") is None:
        return None
    import psutil

    return int(psutil.Process().memory_info().peak_wset)


def from_status(field: str) -> int:
    """Return a field of /proc/self/status in bytes (Linux)."""
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text("ascii"))
    assert found is not None, field
    return 1024 * int(found[1])
