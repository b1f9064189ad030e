from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert import WordPieceTokenizer
from tests.conftest import DATA
from tests.tokenization import sweep

if TYPE_CHECKING:
    import pytest

VOCAB = str(DATA / "distilbert-tiny" / "vocab.txt")


def test_a_sparse_sweep_finds_no_difference() -> None:
    assert sweep.main(["code-points", "--vocab", VOCAB, "--every", "5003"]) == 0
    assert sweep.main(["random", "--vocab", VOCAB, "--strings", "500"]) == 0


def test_differences_are_counted_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    vocab = WordPieceTokenizer(VOCAB).vocab
    pair = sweep.Pair(vocab, (True, None, True))
    pair.ours = WordPieceTokenizer(vocab, do_lower_case=False)
    assert sweep.compare([("tiny", pair, ["the", "The"])]) == 1
    assert "DIFFERS tiny (True, None, True): 'The'" in capsys.readouterr().out


def test_differences_in_joined_texts_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    vocab = WordPieceTokenizer(VOCAB).vocab
    pair = sweep.Pair(vocab, (True, None, True))
    pair.ours = WordPieceTokenizer(vocab, do_lower_case=False)
    texts = ["the", "The", "one", "One", "two"]
    assert sweep.compare([("tiny", pair, texts)], n_joined=3) == 2
    shown = capsys.readouterr().out
    assert "'The'\n" in shown
    assert "'One'\n" in shown
