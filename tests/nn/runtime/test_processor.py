from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from skdistilbert.nn.runtime import processor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    processor.processor.cache_clear()
    yield
    processor.processor.cache_clear()


@pytest.mark.parametrize(("vendor", "family"), [("AuthenticAMD", 26), ("GenuineIntel", 6)])
def test_linux_describes_each_core(
    vendor: str, family: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(
        f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: 2\n" * 2
    )
    monkeypatch.setattr(processor, "CPU_INFO", cpu_info)
    assert processor.processor() == (vendor, family)


@pytest.mark.parametrize(
    ("description", "vendor", "family"),
    [
        ("AMD64 Family 25 Model 97 Stepping 2, AuthenticAMD", "AuthenticAMD", 25),
        ("Intel64 Family 6 Model 154 Stepping 3, GenuineIntel", "GenuineIntel", 6),
        ("arm", "", 0),
    ],
)
def test_other_systems_describe_the_processor(
    description: str,
    vendor: str,
    family: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(platform, "processor", lambda: description)
    assert processor.processor() == (vendor, family)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512_bf16 sha_ni", True),
        ("fpu avx512f amx_bf16 amx_tile", True),
        ("fpu avx2 avx512f avx512_bf16x", False),
    ],
)
def test_linux_lists_instructions_for_bfloat16(
    flags: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(f"vendor_id\t: GenuineIntel\nflags\t\t: {flags}\n" * 2)
    monkeypatch.setattr(processor, "CPU_INFO", cpu_info)
    assert processor.has_bfloat16() == expected
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "none")
    assert not processor.has_bfloat16()
