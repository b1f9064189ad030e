from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from skdistilbert import DistilBertClassifier, DistilBertEmbedder
from skdistilbert.estimators import progress
from skdistilbert.estimators.progress import showing_progress
from tests.estimators.cache_worker import on_encoding, small_pieces, some_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    Captured = pytest.CaptureFixture[str]

TEXTS = some_texts(60)


@pytest.fixture
def without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


@pytest.mark.usefixtures("without_tqdm")
def test_progress_lines_without_tqdm(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with showing_progress(100, "Embedding") as advance:
        for now in (101, 103, 106, 107):  # noqa: B007 - read by the clock
            advance(20)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["Embedding: 60 of 100 texts, 6 s", "Embedding: 80 of 100 texts, 7 s"]


@pytest.mark.usefixtures("without_tqdm")
def test_an_error_still_prints_the_last_progress_line(capsys: Captured) -> None:
    def interrupted(advance: Callable[[int], object]) -> None:
        advance(40)
        raise KeyboardInterrupt

    with showing_progress(100, "Embedding") as advance, suppress(KeyboardInterrupt):
        interrupted(advance)
    assert capsys.readouterr().err == "Embedding: 40 of 100 texts, 0 s\n"


def test_terminals_show_a_progress_bar(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with showing_progress(100, "Embedding") as advance:
        advance(40)
        advance(60)
    assert "Embedding: 100%" in capsys.readouterr().err


def test_lines_in_files(tiny: Path) -> None:
    script = (
        "from skdistilbert import DistilBertClassifier\n"
        f"classifier = DistilBertClassifier({str(tiny)!r}, max_iter=2, verbose=1)\n"
        "classifier.fit(['a', 'b', 'c', 'd'], [0, 0, 1, 1])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == ""
    lines = ["DistilBertClassifier: 4 of 4 texts, 0 s", "Epoch 1 of 2: loss", "Epoch 2 of 2: loss"]
    for line, start in zip(done.stderr.splitlines(), lines, strict=True):
        assert line.startswith(start)
    assert "\r" not in done.stderr


def test_programs_without_stderr_are_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with showing_progress(100, "Embedding") as advance:
        advance(100)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.usefixtures("without_tqdm")
def test_verbose_estimators_show_progress(
    tiny: Path, tmp_path: Path, capsys: Captured, cached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    pieces: list[int] = []
    params: dict[str, Any] = {"embedding_cache": tmp_path if cached else None}
    embedder = DistilBertEmbedder(tiny, verbose=1, **params).fit(TEXTS)
    assert capsys.readouterr().err == ""
    with small_pieces(), on_encoding(pieces.append):
        embedder.transform(TEXTS * 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(pieces) > 2
    assert lines[0].startswith(f"DistilBertEmbedder: {2 * pieces[0]} of 120 texts, ")
    assert lines[-1].startswith("DistilBertEmbedder: 120 of 120 texts, ")
    assert len(lines) == len(pieces)
    embedder.transform(TEXTS * 2)
    assert len(capsys.readouterr().err.splitlines()) == 1

    classifier = DistilBertClassifier(tiny, tol=10, n_iter_no_change=2, **params)
    classifier.fit(TEXTS, ["a", "b"] * 30)
    classifier.set_params(verbose=True).predict(TEXTS)
    assert "DistilBertClassifier: 60 of 60 texts, " in capsys.readouterr().err


def test_estimators_print_nothing_by_default(
    tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for cache in (None, tmp_path):
        DistilBertEmbedder(tiny, embedding_cache=cache).fit_transform(TEXTS)
        classifier = DistilBertClassifier(tiny, tol=10, n_iter_no_change=2, embedding_cache=cache)
        classifier.fit(TEXTS, ["a", "b"] * 30).predict_proba(TEXTS)
    assert capfd.readouterr() == ("", "")


def test_progress_does_not_change_the_features(tiny: Path) -> None:
    plain = DistilBertEmbedder(tiny).fit_transform(TEXTS)
    with small_pieces():
        shown = DistilBertEmbedder(tiny, verbose=True).fit_transform(TEXTS)
    assert abs(plain - shown).max() < 1e-5
