"""What the processor is, where the speed of BLAS depends on it."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

CPU_INFO = Path("/proc/cpuinfo")
FAMILY_OF_ZEN_5 = 26  # of AMD's; those before it have lower numbers


class Processor(NamedTuple):
    """Maker and generation, as the processor tells them (CPUID)."""

    vendor: str  # "" where the system does not tell
    family: int


@cache
def processor() -> Processor:
    """Tell what this machine's processor is."""
    try:
        description = CPU_INFO.read_text("utf-8", errors="replace")
    except OSError:  # not Linux; Windows ends its description with the maker
        description = platform.processor()
    vendor = re.search("AuthenticAMD|GenuineIntel", description)
    family = re.search(r"[Ff]amily\s*:?\s*(\d+)", description)
    return Processor(vendor[0] if vendor else "", int(family[1]) if family else 0)
