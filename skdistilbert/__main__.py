"""``python -m skdistilbert``: print the versions for a bug report and run a self-test."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from argparse import ArgumentParser
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_info

import skdistilbert
from skdistilbert.files.hub_cache import cache_directory, is_offline
from skdistilbert.nn.runtime import choose_product, resolve_n_threads
from skdistilbert.self_test import TOLERANCE, largest_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REQUIRED = ("numpy", "scipy", "scikit-learn", "joblib", "safetensors", "threadpoolctl")
# Prefixes of the extras for developers, which the report leaves out.
DEVELOPMENT = ("test", "coverage", "lint", "parity", "benchmark")


def report() -> Iterator[tuple[str, str]]:
    """Yield the name and value of each line of the report."""
    yield "skdistilbert", skdistilbert.__version__
    yield "Python", f"{platform.python_version()} ({_python()})"
    yield "platform", f"{platform.platform()}, {platform.machine()}"
    for package in REQUIRED:
        yield package, _version(package)
    for package, extra in optional_packages().items():
        yield package, f"{_version(package)} (extra {extra})"
    yield from _blas()
    yield "matrix product", str(choose_product())
    yield "threads used", str(resolve_n_threads(None))
    yield "hub's cache", str(cache_directory()) + (" (offline)" if is_offline() else "")


def optional_packages() -> dict[str, str]:
    """Return the packages of the extras for users, with the name of the extra."""
    try:
        requirements = importlib.metadata.requires("skdistilbert") or []
    except importlib.metadata.PackageNotFoundError:  # a checkout that is not installed
        return {}
    pattern = re.compile(r"([\w.-]+).*extra == ['\"]([\w-]+)")
    pairs = (match.groups() for match in map(pattern.match, requirements) if match)
    return {package: extra for package, extra in pairs if not extra.startswith(DEVELOPMENT)}


def _python() -> str:
    """Return the implementation, its word size, and whether it is free-threaded."""
    bits = 64 if sys.maxsize > 2**32 else 32
    threads = "" if has_global_lock() else ", free-threaded"
    return f"{platform.python_implementation()}, {bits} bits{threads}"


def has_global_lock() -> bool:
    """Return whether Python has a global interpreter lock; free-threaded builds have none."""
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _blas() -> Iterator[tuple[str, str]]:
    """Yield each loaded BLAS and OpenMP library with its version and number of threads."""
    for library in threadpool_info():
        keys = ("internal_api", "version", "threading_layer", "architecture")
        known = [str(library[key]) for key in keys if library.get(key)]
        yield library["user_api"], ", ".join([*known, f"{library['num_threads']} threads"])


def main(arguments: Sequence[str] = ()) -> int:
    """Print the report, run the self-test and return the exit status."""
    description = "Print the versions for a bug report, and test the installation."
    ArgumentParser("python -m skdistilbert", description=description).parse_args(arguments)
    for name, value in report():
        print(f"{name:<16} {value}", flush=True)
    error = max(largest_error(n_threads=1), largest_error())
    passed = error < TOLERANCE
    outcome = f"ok (error {error:.0e})" if passed else f"FAILED (error {error:.3g})"
    print(f"{'self-test':<16} {outcome}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
