"""The Python blocks of README.md run in order, and print the output that follows them."""

from __future__ import annotations

import ast
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import skdistilbert

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_python_blocks_print_their_comments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that start with "# " are the output of the lines above them."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    blocks = list(PYTHON_BLOCK.finditer(README))
    assert len(blocks) >= 5
    for block in blocks:
        code = block[1]
        expected = [line.removeprefix("# ") for line in code.splitlines() if line.startswith("# ")]
        assert expected, f"This block shows no output:\n{code}"
        first_line = README.count("\n", 0, block.start(1))
        with redirect_stdout(io.StringIO()) as output:
            exec(compile("\n" * first_line + code, str(ROOT / "README.md"), "exec"), namespace)
        assert output.getvalue().splitlines() == expected, code


def test_length() -> None:
    assert len(README.split()) <= 1000
    assert len(README.splitlines()) <= 180


def test_examples_in_tables_are_calls_of_public_names() -> None:
    examples = re.findall(r"\|`(\w+)`\|`(.+)`\|$", README, re.MULTILINE)
    assert len(examples) >= 10
    for name, code in examples:
        assert name in skdistilbert.__all__
        ast.parse(code)
        assert code.startswith(f"{name}("), code


@pytest.mark.parametrize(
    "file",
    ["README.md", "benchmarks/README.md", "examples/README.md", ".github/CONTRIBUTING.md"],
)
def test_links_to_files(file: str) -> None:
    path = ROOT / file
    if not path.exists():
        pytest.skip(f"{file} is not in the sdist")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8"))
    for link in [*links, *re.findall(r"`(benchmarks/\w+\.py)`", path.read_text("utf-8"))]:
        base = ROOT if link.startswith("benchmarks/") and file == "README.md" else path.parent
        assert (base / link).exists(), link
