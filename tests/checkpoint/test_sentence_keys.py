from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import CheckpointError, DistilBertEmbedder
from tests.checkpoint.sentence_keys import KEYS, TEXTS, Case, cases, write
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

# Other keys are not read if only the encoder is used.
ALWAYS_READ = ("default_prompt_name", "processing_kwargs", "tokenizer_name_or_path")
STORED = dict(np.load(DATA / "sentence-keys.npz"))


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_every_key_has_the_effect_that_it_has_in_sentence_transformers(
    case: Case, tmp_path: Path
) -> None:
    write(tmp_path / "model", case)
    embedder = DistilBertEmbedder(tmp_path / "model")
    if case.effect != "refused":
        np.testing.assert_allclose(embedder.fit_transform(TEXTS), STORED[case.name], atol=3e-5)
        return
    with pytest.raises(CheckpointError) as error:
        embedder.fit(TEXTS)
    assert str(tmp_path / "model" / case.file.partition("/")[0]) in str(error.value)
    # These concern the tokenizer or the prompt, which do not depend on the pooling.
    if case.key not in ("default_prompt_name", "processing_kwargs", "tokenizer_name_or_path"):
        DistilBertEmbedder(tmp_path / "model", pooling="mean").fit(TEXTS)


def test_weighted_layers_must_fit_the_encoder(tmp_path: Path) -> None:
    for key, value in (("layer_start", 9), ("num_hidden_layers", 6)):
        write(tmp_path / key, Case("1_Layers/config.json", key, "refused", value))
        config = tmp_path / key / "sentence_bert_config.json"
        config.write_text('{"config_args": {"output_hidden_states": true}}')
        with pytest.raises(CheckpointError, match=f"{key} must be .*got {value}"):
            DistilBertEmbedder(tmp_path / key).fit(TEXTS)


@pytest.mark.parametrize("file", [name for name in KEYS if f"{name} keys" in STORED])
def test_every_key_of_sentence_transformers_is_listed(file: str) -> None:
    assert set(STORED[f"{file} keys"].tolist()) <= set(KEYS[file])
