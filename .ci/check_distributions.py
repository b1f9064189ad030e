"""Check that the wheel and the sdist contain the expected files and no others.

    python .ci/check_distributions.py dist

The wheel contains the tracked files of the package, its metadata and its licences. The sdist
contains everything that is needed to build, test and read the package. The script lists the
differences and exits with status 1 if there are any.
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
GUIDES = {".github/CONTRIBUTING.md", ".github/SECURITY.md"}
SDIST_FILES = {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", ".gitignore", *GUIDES}


def main(directory: Path) -> int:
    """Print the missing and the unexpected files; return the exit status."""
    (wheel,), (sdist,) = directory.glob("*.whl"), directory.glob("*.tar.gz")
    tracked = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True)
    files = set(tracked.stdout.splitlines())
    package = {file for file in files if file.startswith("skdistilbert/")}
    in_sdist = {file for file in files if PurePosixPath(file).parts[0] in SDIST_DIRECTORIES}
    differences = [
        *_differences(wheel, _in_wheel(wheel), package | METADATA),
        *_differences(sdist, _in_sdist(sdist), in_sdist | SDIST_FILES | {"PKG-INFO"}),
    ]
    print("\n".join(differences) or f"{wheel.name} and {sdist.name} are complete")
    return 1 if differences else 0


def _in_wheel(file: Path) -> set[str]:
    """Return the names in a wheel; names of metadata have no directory."""
    metadata = "-".join(file.name.split("-")[:2]) + ".dist-info/"
    with zipfile.ZipFile(file) as opened:
        return {name.removeprefix(metadata) for name in opened.namelist()}


def _in_sdist(file: Path) -> set[str]:
    """Return the names in an sdist, without the top directory."""
    with tarfile.open(file) as opened:
        return {member.name.partition("/")[2] for member in opened if member.isfile()}


def _differences(file: Path, got: set[str], expected: set[str]) -> list[str]:
    missing, unexpected = sorted(expected - got), sorted(got - expected)
    return [f"{file.name}: {name} is missing" for name in missing] + [
        f"{file.name}: {name} is not expected" for name in unexpected
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
