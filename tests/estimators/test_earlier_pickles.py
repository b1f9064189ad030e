"""Pickles of earlier versions load and predict the same."""

from __future__ import annotations

import json
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import DATA
from tests.data.pickles.make_pickles import DIRECTORY, output

OUTPUTS = json.loads((DIRECTORY / "outputs.json").read_text("utf-8"))


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("pickled_again", [False, True])
def test_earlier_pickles_predict_the_same(
    name: str, pickled_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DATA.parents[1])  # their models have relative paths
    estimator: Any = pickle.loads((DIRECTORY / f"{name}.pickle").read_bytes())
    if pickled_again:
        estimator = pickle.loads(pickle.dumps(estimator))
    predicted = output(name, estimator)
    if name == "tokens":
        assert predicted == OUTPUTS[name]
    else:
        np.testing.assert_allclose(predicted, OUTPUTS[name], rtol=1e-5, atol=1e-6)


def test_pickles_name_no_other_class_of_the_package() -> None:
    for file in Path(DIRECTORY).glob("*.pickle"):
        estimator = pickle.loads(file.read_bytes())
        modules = {
            argument
            for opcode, argument, _ in pickletools.genops(pickle.dumps(estimator))
            if isinstance(argument, str) and argument.startswith("skdistilbert")
        }
        assert modules == {type(estimator).__module__}


@pytest.mark.parametrize("name", OUTPUTS)
def test_predictions_after_unpickling_set_no_attributes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(DATA.parents[1])
    estimator: Any = pickle.loads((DIRECTORY / f"{name}.pickle").read_bytes())
    before = dict(vars(estimator))
    output(name, estimator)
    assert vars(estimator).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(estimator).items())


def test_a_file_of_a_later_format_is_an_error() -> None:
    embedder = pickle.loads((DIRECTORY / "embedder.pickle").read_bytes())
    state = embedder.__getstate__()
    with pytest.raises(ValueError, match="has format 99, but .* Upgrade it: pip install"):
        type(embedder)().__setstate__(state | {"_format": 99})
