from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import pytest

from skdistilbert.nn import processor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    processor.processor_vendor.cache_clear()
    yield
    processor.processor_vendor.cache_clear()


@pytest.mark.parametrize("vendor", ["AuthenticAMD", "GenuineIntel"])
def test_linux_tells_it_of_each_core(
    vendor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n" * 2)
    monkeypatch.setattr(processor, "CPU_INFO", cpu_info)
    assert processor.processor_vendor() == vendor


@pytest.mark.parametrize(
    ("description", "vendor"),
    [
        ("AMD64 Family 25 Model 97 Stepping 2, AuthenticAMD", "AuthenticAMD"),
        ("Intel64 Family 6 Model 154 Stepping 3, GenuineIntel", "GenuineIntel"),
        ("arm", ""),
    ],
)
def test_other_systems_describe_the_processor(
    description: str, vendor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "CPU_INFO", tmp_path / "none")
    monkeypatch.setattr(platform, "processor", lambda: description)
    assert processor.processor_vendor() == vendor
