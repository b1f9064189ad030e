from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from skdistilbert import CheckpointError, WordPieceTokenizer
from tests.conftest import DATA
from tests.tokenization.file_keys import CASES, MAX_LENGTH, SENTENCE, TEXTS, Case, write_case

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = json.loads((DATA / "tokenizer-files.json").read_text("utf-8"))


def results(directory: Path) -> dict[str, Any]:
    tokenizer = WordPieceTokenizer.from_pretrained(directory)
    return {
        "model_max_length": tokenizer.model_max_length,
        "ids": [tokenizer.encode(text) for text in TEXTS],
        "truncated": [
            tokenizer.encode(text, truncation=True, max_length=MAX_LENGTH) for text in TEXTS
        ],
        "padded": tokenizer.encode_batch(TEXTS).input_ids.tolist(),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_key_of_the_files_is_honoured_or_rejected_or_has_no_effect(
    tmp_path: Path, case: Case
) -> None:
    write_case(case, tmp_path / "case")
    if case.effect == "rejected":
        with pytest.raises(CheckpointError, match=case.key):
            WordPieceTokenizer.from_pretrained(tmp_path / "case")
        return
    got, expected = results(tmp_path / "case"), REFERENCE[case.name]
    if case.file == SENTENCE and got["model_max_length"] is None:
        # sentence-transformers stores the limit of the model in the tokenizer.
        del got["model_max_length"], expected["model_max_length"]
    for name, value in got.items():
        assert value == expected[name], name
    write_case(case, tmp_path / "without", with_key=False)
    without = results(tmp_path / "without")
    assert (got == {name: without[name] for name in got}) == (case.effect == "no effect")
