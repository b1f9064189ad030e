"""Write the results of one script on one machine to a JSON file in benchmarks/results.

`benchmarks.report` generates RESULTS.md from these files. A new measurement replaces the previous
one of the same script and kind of machine.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_info

if TYPE_CHECKING:
    import argparse

Results = dict[str, dict[str, float | str]]  # by row and column

RESULTS = Path(__file__).parent / "results"
CPU_INFO = Path("/proc/cpuinfo")
PACKAGES = (
    "numpy",
    "mkl",
    "scipy",
    "scikit-learn",
    "tokenizers",
    "torch",
    "transformers",
    "sentence-transformers",
    "onnxruntime",
    "setfit",
    "lime",
    "shap",
)


def add_save_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--save",
        type=Path,
        nargs="?",
        const=RESULTS,
        metavar="DIRECTORY",
        help="write a JSON file to benchmarks/results, or to the directory",
    )


def save(directory: Path | None, name: str, results: Results, n_threads: int) -> None:
    """Write the file, unless `directory` is None (without ``--save``)."""
    if directory is None:
        return
    record = {
        "benchmark": name,
        "command": command(),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "machine": describe_machine() | {"threads": n_threads},
        "versions": versions(),
        "results": {row: rounded(columns) for row, columns in results.items()},
    }
    directory.mkdir(parents=True, exist_ok=True)
    file = result_file(directory, name)
    file.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(f"wrote {file}")


def saved(directory: Path | None, name: str) -> Results:
    """Return the results that this commit has saved, to complete them in several runs."""
    if directory is None or not (file := result_file(directory, name)).exists():
        return {}
    record = json.loads(file.read_text("utf-8"))
    results: Results = record["results"] if record["commit"] == commit() else {}
    return results


def result_file(directory: Path, name: str) -> Path:
    return directory / f"{name}_{slug(str(describe_machine()['kind']))}.json"


def rounded(columns: dict[str, float | str]) -> dict[str, float | str]:
    """Round numbers to four significant digits."""
    return {
        name: float(f"{value:.4g}") if isinstance(value, float) else value
        for name, value in columns.items()
    }


def slug(text: str) -> str:
    return re.sub(r"\W+", "_", text.lower())


def command() -> str:
    """Return the command line, with PATH instead of the absolute paths of this machine."""
    module = getattr(sys.modules["__main__"].__spec__, "name", Path(sys.argv[0]).stem)
    arguments = ["PATH" if Path(x).is_absolute() else x for x in sys.argv[1:]]
    return " ".join(["python -m", module.removesuffix(".__main__"), *arguments])


def commit() -> str:
    """Return the commit, marked if `skdistilbert` has changes that are not committed."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(RESULTS.parents[1]), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    is_changed = bool(git("status", "--porcelain", "skdistilbert"))
    return (git("rev-parse", "--short", "HEAD") or "unknown") + "-changed" * is_changed


def describe_machine() -> dict[str, str | int]:
    info = CPU_INFO.read_text("utf-8") if CPU_INFO.exists() else ""
    fields = dict(re.findall(r"^(.+?)\s*: (.*)$", info, re.MULTILINE))
    name = fields.get("model name") or platform.processor() or platform.machine()
    return {
        "kind": processor_kind(fields),
        "processor": name,
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
    }


def processor_kind(fields: dict[str, str]) -> str:
    """Return a name for processors that perform alike: by maker, generation and vector width."""
    maker = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(fields.get("vendor_id", ""))
    if maker is None:
        return platform.machine()
    has_avx512 = "avx512f" in fields.get("flags", "").split()
    if maker == "AMD" and has_avx512:
        return "AMD Zen 5" if int(fields["cpu family"]) >= 26 else "AMD Zen 4"
    return f"{maker} AVX-512" if has_avx512 else f"{maker} AVX2"


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    for library in threadpool_info():
        if library["user_api"] == "blas" and "numpy" in library["filepath"]:
            kernel = library.get("architecture", "unknown")
            found["blas"] = f"{library['internal_api']} {library['version']} ({kernel})"
    return found
