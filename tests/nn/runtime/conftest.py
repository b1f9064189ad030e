from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from skdistilbert.nn.runtime.cores import cores
from skdistilbert.nn.runtime.workers import stop_idle_threads

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_idle_threads() -> Iterator[None]:
    stop_idle_threads()
    yield
    stop_idle_threads()


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow three threads to work at a time, on any machine."""
    monkeypatch.setattr(cores, "count", 3)
