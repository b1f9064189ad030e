"""The vendor and family of the processor, on which the speed of BLAS depends."""

from __future__ import annotations

import platform
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

CPU_INFO = Path("/proc/cpuinfo")
FAMILY_OF_ZEN_5 = 26  # AMD's earlier families have lower numbers


class Processor(NamedTuple):
    """Vendor and family, as the CPUID instruction reports them."""

    vendor: str  # "" if the system does not report it
    family: int


@cache
def processor() -> Processor:
    """Return the processor of this machine."""
    # On systems other than Linux, this string describes vendor and family.
    description = _cpu_info() or platform.processor()
    vendor = re.search("AuthenticAMD|GenuineIntel", description)
    family = re.search(r"[Ff]amily\s*:?\s*(\d+)", description)
    return Processor(vendor[0] if vendor else "", int(family[1]) if family else 0)


def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 (AVX512_BF16 or AMX), as Linux lists it."""
    return re.search(r"\b(avx512_bf16|amx_bf16)\b", _cpu_info()) is not None


def _cpu_info() -> str:
    try:
        return CPU_INFO.read_text("utf-8", errors="replace")
    except OSError:  # not Linux
        return ""
