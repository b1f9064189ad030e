"""What the processor is, where the speed of BLAS depends on it."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")


@cache
def processor_vendor() -> str:
    """Name the maker as the processor does (CPUID), or give "" where the system does not tell."""
    try:
        description = CPU_INFO.read_text("utf-8", errors="replace")
    except OSError:  # not Linux; Windows ends its description with the maker
        description = platform.processor()
    vendors = re.findall("AuthenticAMD|GenuineIntel", description)
    return vendors[0] if vendors else ""
