from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.minilm
def test_quickstart_with_real_weights(tmp_path: Path) -> None:
    done = run("quickstart.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    tfidf, ours = (float(line.split()[1]) for line in done.stdout.splitlines()[1:3])
    assert ours > 0.9 > tfidf
    for intent in ("delivery", "billing", "account", "returns"):
        assert f"\n  {intent}" in done.stdout


def test_quickstart_with_a_model_of_ones_own(tmp_path: Path, tiny: Path) -> None:
    done = run("quickstart.py", "--model", tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "DistilBertEmbedder" in done.stdout
