"""Check CHANGELOG.md: that a branch edited it, or that it is ready for a release.

    python .ci/check_changelog.py edited origin/main
    python .ci/check_changelog.py release 0.1.0

``edited`` passes if the branch changes nothing that is installed, or adds a line to CHANGELOG.md.
``release`` compares the version with `__version__` and with the first dated section.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHANGELOG = "CHANGELOG.md"
PACKAGE = "skdistilbert/"


def main(command: str, argument: str) -> int:
    """Print the result of the check; return the exit status."""
    checks = {"edited": check_edited, "release": check_release}
    problem = checks[command](argument)
    print(problem or f"{CHANGELOG} is complete")
    return 1 if problem else 0


def check_edited(base: str) -> str | None:
    """Return what is wrong if the branch changes the package without a line in the changelog."""
    diff = ["git", "diff", "--numstat", f"{base}...HEAD"]
    output = subprocess.run(diff, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    added = {line.split("\t")[2]: line.split("\t")[0] for line in output.splitlines()}
    if not any(name.startswith(PACKAGE) for name in added) or added.get(CHANGELOG, "0") != "0":
        return None
    return f'Add a line under "Unreleased" in {CHANGELOG}, or the label "no changelog".'


def check_release(version: str) -> str | None:
    """Return what is wrong if version, package and changelog do not agree."""
    source = (ROOT / "skdistilbert" / "version.py").read_text("utf-8")
    (current,) = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if current != version:
        return f"The tag is {version}, but __version__ is {current}. Change one of them."
    sections = re.findall(r"^## (.+)$", (ROOT / CHANGELOG).read_text("utf-8"), re.MULTILINE)
    if not re.fullmatch(re.escape(version) + r" - \d{4}-\d\d-\d\d", sections[0]):
        expected = f'"## {version} - YYYY-MM-DD"'
        return f'{CHANGELOG} starts with "## {sections[0]}". Change it to {expected}.'
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
