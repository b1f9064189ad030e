"""Check that the wheel and the sdist hold what they should, and nothing else.

    python .ci/check_distributions.py dist

The wheel holds the package as git has it, with its metadata and licence; the sdist all that is
needed to build, test and read it. Exits with 1 and lists the difference otherwise.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

LICENSES = {"licenses/LICENSE", "licenses/skdistilbert/mini_model/LICENSE"}
METADATA = {"METADATA", "WHEEL", "RECORD", *LICENSES}
SDIST_DIRECTORIES = ("skdistilbert", "tests", "examples", "benchmarks")
SDIST_FILES = {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", ".gitignore"}


def main(directory: Path) -> int:
    """Print what is missing or too much; give the exit status."""
    (wheel,), (sdist,) = directory.glob("*.whl"), directory.glob("*.tar.gz")
    tracked = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True)
    files = set(tracked.stdout.splitlines())
    package = {file for file in files if file.startswith("skdistilbert/")}
    in_sdist = {file for file in files if PurePosixPath(file).parts[0] in SDIST_DIRECTORIES}
    differences = [
        *_differences(wheel, _in_wheel(wheel), package | METADATA),
        *_differences(sdist, _in_sdist(sdist), in_sdist | SDIST_FILES | {"PKG-INFO"}),
    ]
    print("\n".join(differences) or f"{wheel.name} and {sdist.name} hold what they should")
    return 1 if differences else 0


def _in_wheel(file: Path) -> set[str]:
    """Names in a wheel; those of its metadata without their directory."""
    metadata = "-".join(file.name.split("-")[:2]) + ".dist-info/"
    with zipfile.ZipFile(file) as opened:
        return {name.removeprefix(metadata) for name in opened.namelist()}


def _in_sdist(file: Path) -> set[str]:
    """Names in an sdist, without the directory that holds them all."""
    with tarfile.open(file) as opened:
        return {member.name.partition("/")[2] for member in opened if member.isfile()}


def _differences(file: Path, got: set[str], expected: set[str]) -> list[str]:
    missing, unexpected = sorted(expected - got), sorted(got - expected)
    return [f"{file.name}: {name} is missing" for name in missing] + [
        f"{file.name}: {name} should not be there" for name in unexpected
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
