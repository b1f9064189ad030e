"""The report of all benchmarks, RESULTS.md: each script writes its own section."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_info

from skdistilbert.nn.processor import CPU_INFO, FAMILY_OF_ZEN_5, processor

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

RESULTS = Path(__file__).parent / "RESULTS.md"
HEADER = """# Results

Each section is written by the script that it names. "On AMD" stands for processors before Zen 5,
"without AVX-512" for those whose widest instructions are AVX2's: most laptops, older servers.
"""
# Each kind of processor has sections of its own: they differ in what they are fast at.
MAKERS = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}


def write_section(title: str, body: str, path: Path = RESULTS) -> None:
    """Put a section in place of the one of that title and processor, or at the end."""
    title = f"{title}, on {processor_kind()}"
    text = path.read_text("utf-8") if path.exists() else HEADER
    section = f"## {title}\n\n{body.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if pattern.search(text):
        text = pattern.sub(lambda _: f"{section}\n", text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    path.write_text(f"{text.rstrip()}\n", "utf-8")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Give a Markdown table, numbers to the right."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(packages: Iterable[str], n_threads: int) -> str:
    """Say on what was measured."""
    blas = next((x for x in threadpool_info() if x["user_api"] == "blas"), {})
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    threads = f"{n_threads} thread{'s' if n_threads > 1 else ''}"
    return (
        f"Measured on {_processor()}, {os.cpu_count()} cores, {threads}; "
        f"{platform.system()}, Python {platform.python_version()}, {versions}; "
        f"{blas.get('internal_api', 'BLAS')} {blas.get('version', '')} "
        f"({blas.get('architecture', 'unknown')})."
    )


def processor_kind() -> str:
    """Name the maker of this machine's processor, and the generation if it differs from others."""
    vendor, family = processor()
    maker = MAKERS.get(vendor, platform.machine())
    if re.search(r"^flags\b(?!.*\bavx512f\b)", _cpu_info(), re.MULTILINE):
        return f"{maker} without AVX-512"
    return f"{maker} Zen 5" if maker == "AMD" and family >= FAMILY_OF_ZEN_5 else maker


def _processor() -> str:
    name = re.search(r"^model name\s*: (.*)", _cpu_info(), re.MULTILINE)
    return name[1] if name else platform.processor() or platform.machine()


def _cpu_info() -> str:
    return CPU_INFO.read_text("utf-8") if CPU_INFO.exists() else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"
