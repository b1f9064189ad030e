"""Against results of sentence-transformers, stored by tests/data/make_sentence_reference.py."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import DistilBertEmbedder, WordPieceTokenizer, embed, load_model
from skdistilbert.exceptions import TruncationWarning
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = dict(np.load(DATA / "sentence-transformers.npz"))
CASES = [name.partition(":")[0] for name in REFERENCE if name.endswith(":embeddings")]


@pytest.mark.parametrize("case", CASES)
def test_embeddings_are_those_of_sentence_transformers(
    case: str, tiny: Path, tmp_path: Path
) -> None:
    directory = shutil.copytree(tiny, tmp_path / "model")
    for name, content in REFERENCE.items():
        of_case, _, path = name.partition(":")
        if of_case == case and path != "embeddings":
            (directory / path).parent.mkdir(exist_ok=True)
            (directory / path).write_bytes(content.tobytes())
    texts, expected = REFERENCE["texts"].tolist(), REFERENCE[f"{case}:embeddings"]
    model, tokenizer = load_model(directory), WordPieceTokenizer.from_pretrained(directory)
    embedder = DistilBertEmbedder(directory).fit(texts)
    with pytest.warns(TruncationWarning, match="1 of 4 texts have more than max_length=16"):
        got = embed(model, tokenizer, texts)
    with pytest.warns(TruncationWarning):
        features = embedder.transform(texts)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(features, expected, atol=1e-5)
    assert len(embedder.get_feature_names_out()) == expected.shape[1]


def test_the_cases_differ() -> None:
    different = {REFERENCE[f"{case}:embeddings"].round(3).tobytes() for case in CASES}
    assert len(different) == len(CASES) - 1  # the last token is never one of a prompt
