from __future__ import annotations

import sys
from pathlib import Path

import pytest

from skdistilbert.files.user_cache import user_cache_directory


def test_the_environment_variable_has_priority(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(
        "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", str(tmp_path)
    )
    assert user_cache_directory() == tmp_path / "skdistilbert"


@pytest.mark.parametrize("stated", ["", "relative"])
@pytest.mark.parametrize(
    ("platform", "below_home"), [("linux", ".cache"), ("darwin", "Library/Caches")]
)
def test_the_default_depends_on_the_platform(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stated: str, platform: str, below_home: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_CACHE_HOME", stated)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_cache_directory() == Path(tmp_path, below_home, "skdistilbert")
