from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import CheckpointError, DistilBertModel
from tests.checkpoint.config_keys import INPUT_IDS, KEYS, Case, cases, write
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

STORED = dict(np.load(DATA / "config-keys.npz"))
# model_type selects the table.
NOT_LISTED = {"model_type"}


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_every_key_has_the_effect_that_it_has_in_transformers(case: Case, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    write(directory, case.model_type, **{case.key: case.value})
    if case.effect == "refused":
        with pytest.raises(CheckpointError):
            DistilBertModel.from_pretrained(directory)
        return
    with warnings.catch_warnings():
        if case.key == "layer_norm_eps":
            warnings.simplefilter("ignore", UserWarning)
        model = DistilBertModel.from_pretrained(directory)
    expected = STORED[case.name if case.effect == "honoured" else case.model_type]
    np.testing.assert_allclose(model(INPUT_IDS).last_hidden_state, expected, atol=2e-5)


@pytest.mark.parametrize("model_type", KEYS)
def test_every_key_of_transformers_is_listed(model_type: str) -> None:
    assert set(STORED[f"{model_type} keys"].tolist()) - NOT_LISTED <= set(KEYS[model_type])
