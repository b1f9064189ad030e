from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert.nn.runtime import precision, product_choice, supported_precision
from skdistilbert.nn.runtime.bfloat16 import RoundedWeight
from skdistilbert.nn.runtime.mkl import Mkl, MklError, PackedBfloat16Weight
from skdistilbert.nn.runtime.precision import EMULATION_VARIABLE, bfloat16_packing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _undecided(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(EMULATION_VARIABLE, raising=False)
    monkeypatch.delenv(product_choice.VARIABLE, raising=False)
    bfloat16_packing.cache_clear()
    yield
    bfloat16_packing.cache_clear()


@pytest.fixture
def _supported(stand_in_mkl: Mkl, monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with instructions for bfloat16, on which MKL multiplies it fast."""
    monkeypatch.setattr(precision, "has_bfloat16", lambda: True)
    monkeypatch.setattr(precision, "load_mkl", lambda: stand_in_mkl)
    monkeypatch.setattr(precision, "shortest_times", lambda *_: [3, 2, 1])


def assert_computes_in_float32_because(reason: str) -> None:
    with pytest.warns(UserWarning, match=f"in float32 here: {reason}.*AVX512_BF16 or AMX"):
        assert supported_precision("bfloat16") == "float32"
    assert supported_precision("bfloat16") == "float32"  # the warning is not repeated


@pytest.mark.usefixtures("_supported")
def test_bfloat16_is_used_where_it_is_fast() -> None:
    assert supported_precision("bfloat16") == "bfloat16"
    assert supported_precision("float32") == "float32"
    pack = bfloat16_packing()
    assert pack is not None
    assert isinstance(pack(np.ones((2, 3), np.float32)), PackedBfloat16Weight)


@pytest.mark.usefixtures("_supported")
@pytest.mark.parametrize("times", [[3, 2, 4], [1, 2, 1.5]])
def test_float32_is_used_where_bfloat16_is_slower(
    times: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "shortest_times", lambda *_: times)
    gain = min(times[:2]) / times[2]
    assert_computes_in_float32_because(rf"MKL 2026\.2 .* {gain:.2f} times as fast")


@pytest.mark.usefixtures("_supported")
def test_float32_is_used_without_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    assert_computes_in_float32_because("this processor has no instructions for bfloat16")


@pytest.mark.usefixtures("_supported")
def test_float32_is_used_without_mkl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "load_mkl", lambda: MklError("MKL is not installed"))
    assert_computes_in_float32_because("MKL is not installed")


@pytest.mark.usefixtures("_supported")
def test_float32_is_used_if_mkl_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(product_choice.VARIABLE, "numpy")
    assert_computes_in_float32_because("SKDISTILBERT_MATMUL=numpy")


@pytest.mark.parametrize("value", ["float16", "BFLOAT16", None, 32])
def test_an_unknown_precision_is_an_error(value: object) -> None:
    message = f"must be one of 'float32', 'bfloat16'; got {value!r}"
    with pytest.raises(ValueError, match=message):
        supported_precision(value)  # type: ignore[arg-type]


def test_tests_can_emulate_bfloat16(stand_in_mkl: Mkl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "load_mkl", lambda: stand_in_mkl)
    monkeypatch.setattr(precision, "has_bfloat16", lambda: False)
    for way, kind in {"numpy": RoundedWeight, "mkl": PackedBfloat16Weight}.items():
        bfloat16_packing.cache_clear()
        monkeypatch.setenv(EMULATION_VARIABLE, way)
        pack = bfloat16_packing()
        assert pack is not None
        assert isinstance(pack(np.ones((2, 3), np.float32)), kind)
