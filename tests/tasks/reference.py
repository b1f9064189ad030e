"""Compare results with transformers' pipelines, stored or computed now."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from tests.conftest import DATA
from tests.tasks import peers

if TYPE_CHECKING:
    from pathlib import Path

# For `@pytest.mark.parametrize("source", SOURCES)`.
SOURCES = ["stored", pytest.param("live", marks=pytest.mark.parity)]


def reference(name: str, source: str) -> peers.Json:
    """Return the results for the tiny checkpoint of a task, stored or computed now."""
    if source == "live":
        major = version("transformers").split(".")[0]
        if (name in peers.IN_TRANSFORMERS_4) != (int(major) < 5):
            pytest.skip(f"transformers {major} has another pipeline for {name}, or none")
        return peers.RESULTS[name](checkpoint(name))
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def checkpoint(name: str) -> Path:
    return DATA / f"distilbert-tiny-{name}"


def assert_same(got: peers.Json, expected: peers.Json, where: str = "result") -> None:
    """Fail unless both are equal, numbers within 1e-5."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_same(got[key], value, f"{where}[{key!r}]")
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected), where
        for row, value in enumerate(expected):
            assert_same(got[row], value, f"{where}[{row}]")
    elif isinstance(expected, float):
        assert type(got) is float, where
        assert got == pytest.approx(expected, abs=1e-5), where
    else:
        assert got == expected, where
