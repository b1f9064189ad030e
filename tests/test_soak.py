"""Short runs of soak.py: estimators in many threads of several processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests import soak

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_two_processes_with_eight_threads(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--minutes", "0.5", "--max-requests", "32", "--model", str(tiny)]
    status = soak.main(arguments)
    printed = capsys.readouterr().out
    assert status == 0, printed
    for kind in soak.Requests.kinds:
        assert printed.count(f"'{kind}': 8") == 2


def test_a_wrong_answer_is_reported(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = soak.Requests.answer
    numbers: set[int] = set()

    def forgetful(self: soak.Requests, number: int) -> np.ndarray:
        again = number == 3 and number in numbers
        numbers.add(number)
        return answer(self, number) * (np.nan if again else 1)

    monkeypatch.setattr(soak, "N_DIFFERENT", 4)
    monkeypatch.setattr(soak.Requests, "answer", forgetful)
    report = soak.soak(tiny, 30, 8)
    assert list(report.faults()) == ["an answer differs by nan"]


def test_growth_and_differences_are_reported() -> None:
    report = soak.Report({}, 2e-5, 30_000_000, (1, 1000), (3, 4), ([2], [1]))
    assert list(report.faults()) == [
        "an answer differs by 2.0e-05",
        "memory grew by 30 MB",
        "threads: 1 before, 1000 after",
        "files: 3 before, 4 after",
        "BLAS threads: [2] before, [1] after",
    ]
    assert soak.growth([1, 1, 5, 5, 7, 7, 9, 9]) == 4
    assert soak.growth([None] * 8) is None
