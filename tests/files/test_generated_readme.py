from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from skdistilbert.files.generated_readme import generated_readme, is_generated

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "# A title\n\nÄ text with <!-- a comment -->.\n"


@pytest.mark.parametrize("text", [TEXT, "", generated_readme(TEXT).decode()])
def test_a_generated_file_is_recognised(text: str, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(generated_readme(text))
    assert is_generated(file)
    file.write_bytes(generated_readme(text).replace(b"\n", b"\r\n"))  # by git on Windows
    assert is_generated(file)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        TEXT.encode(),
        generated_readme(TEXT) + b"more\n",
        b"more\n" + generated_readme(TEXT),
        generated_readme(TEXT).replace(b"title", b"name"),
        generated_readme(TEXT).rstrip(b"\n"),
        generated_readme(TEXT) * 2,
        b"\xff<!-- \xfe",
    ],
)
def test_other_files_are_not_recognised(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(content)
    assert not is_generated(file)


def test_directories_and_missing_files_are_not_recognised(tmp_path: Path) -> None:
    assert not is_generated(tmp_path)
    assert not is_generated(tmp_path / "README.md")
