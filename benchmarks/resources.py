"""What this process holds: memory and open files."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

STATUS, DESCRIPTORS = Path("/proc/self/status"), Path("/proc/self/fd")


def memory_in_use() -> int | None:
    """Bytes of physical memory, where the platform or psutil tell."""
    if STATUS.is_file():
        return _of_status("VmRSS")
    if find_spec("psutil") is None:
        return None
    import psutil

    return int(psutil.Process().memory_info().rss)


def peak_memory() -> int | None:
    """Bytes of physical memory at most since the process began, where the platform tells."""
    if STATUS.is_file():
        return _of_status("VmHWM")
    if sys.platform == "win32":
        if find_spec("psutil") is None:
            return None
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def n_open_files() -> int | None:
    """Open files, where the platform or psutil tell."""
    if DESCRIPTORS.is_dir():
        return len(list(DESCRIPTORS.iterdir()))
    if find_spec("psutil") is None:
        return None
    import psutil

    return len(psutil.Process().open_files())


def _of_status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text("ascii"))
    assert found is not None, name
    return 1024 * int(found[1])
