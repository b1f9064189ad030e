from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import skdistilbert
from tests.conftest import DATA

if TYPE_CHECKING:
    from types import ModuleType

MODULES = [
    import_module(module.name)
    for module in pkgutil.walk_packages(skdistilbert.__path__, "skdistilbert.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DATA)  # where "distilbert-tiny" is
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", skdistilbert.__all__)
def test_every_public_name_has_an_example(name: str) -> None:
    assert ">>> " in (getattr(skdistilbert, name).__doc__ or "")
