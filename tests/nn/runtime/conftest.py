from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from skdistilbert.nn.runtime import mkl
from skdistilbert.nn.runtime.cores import cores
from skdistilbert.nn.runtime.mkl import Mkl, MklError, load_mkl
from skdistilbert.nn.runtime.workers import stop_idle_threads
from tests.nn.runtime.stand_in_mkl import StandInLibrary, write_library_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_idle_threads() -> Iterator[None]:
    stop_idle_threads()
    yield
    stop_idle_threads()


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow three threads to work at a time, on any machine."""
    monkeypatch.setattr(cores, "count", 3)


@pytest.fixture
def stand_in_mkl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mkl:
    with monkeypatch.context() as patch:
        patch.setattr(mkl, "is_in_use", lambda: False)
        patch.setattr(mkl, "CDLL", lambda _file: StandInLibrary())
        return Mkl(write_library_files(tmp_path))


@pytest.fixture
def installed_mkl() -> Mkl:
    mkl = load_mkl()
    if isinstance(mkl, MklError):
        pytest.skip(str(mkl))
    return mkl


@pytest.fixture(params=["stand-in", "installed"])
def any_mkl(request: pytest.FixtureRequest) -> Mkl:
    name = "stand_in_mkl" if request.param == "stand-in" else "installed_mkl"
    result: Mkl = request.getfixturevalue(name)
    return result
