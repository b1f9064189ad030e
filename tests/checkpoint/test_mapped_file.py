"""Weight files that change while they are in use cause an error instead of a crash."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertClassifier,
    DistilBertEmbedder,
    load_model,
)
from tests.checkpoint.originals import WEIGHTS
from tests.conftest import DATA

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert import DistilBertModel

INPUT_IDS = [[2, 10, 11, 3]]
TEXTS, LABELS = ["one", "two", "three", "four"], ["odd", "even"] * 2
OVERWRITTEN = "was written to while its weights were in use. Load the model again"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy whose weights were last written some time ago."""
    copy = shutil.copytree(DATA / "distilbert-tiny-sequence-classification", tmp_path / "model")
    os.utime(copy / WEIGHTS, ns=(10**18, 10**18))
    return copy


@pytest.fixture
def model(directory: Path) -> DistilBertModel:
    return load_model(directory)


def truncate(directory: Path) -> None:
    try:
        os.truncate(directory / WEIGHTS, 2000)
    except OSError:
        pytest.skip("a mapped file can't be cut here")


def spoil(directory: Path) -> None:
    """Write other weights of the same size into the file."""
    with (directory / WEIGHTS).open("r+b") as file:
        file.seek(-4000, os.SEEK_END)
        file.write(bytes(4000))


def replace(directory: Path) -> None:
    other = directory.parent / "other"
    shutil.copy(directory / WEIGHTS, other)
    with other.open("r+b") as file:
        file.truncate(2000)
    try:
        other.replace(directory / WEIGHTS)
    except OSError:
        pytest.skip("a mapped file can't be replaced here")


@pytest.mark.parametrize("change", [truncate, spoil])
@pytest.mark.parametrize("used_before", [False, True])
def test_a_model_whose_file_was_written_to_is_unusable(
    change: object, used_before: bool, model: DistilBertModel, directory: Path, tmp_path: Path
) -> None:
    if used_before:
        model(INPUT_IDS)
    change(directory)  # type: ignore[operator]
    for use in (
        lambda: model(INPUT_IDS),
        lambda: model.hidden_states(INPUT_IDS),
        lambda: model.pooled(INPUT_IDS, "mean"),
        lambda: model.logits(INPUT_IDS),  # type: ignore[attr-defined]
        lambda: model.save_pretrained(tmp_path / "saved"),
    ):
        with pytest.raises(CheckpointError, match=OVERWRITTEN):
            use()
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("change", [replace, lambda directory: shutil.rmtree(directory)])
def test_a_model_whose_file_was_replaced_or_removed_keeps_its_weights(
    change: object, model: DistilBertModel, directory: Path
) -> None:
    expected = model(INPUT_IDS).logits
    change(directory)  # type: ignore[operator]
    np.testing.assert_array_equal(model(INPUT_IDS).logits, expected)


def test_saving_to_the_directory_of_a_model_in_use(
    model: DistilBertModel, directory: Path
) -> None:
    expected = model(INPUT_IDS).logits
    other = load_model(directory)
    other.weights = {name: tensor + 1 for name, tensor in other.weights.items()}
    try:
        other.save_pretrained(directory)
    except PermissionError:
        pytest.skip("a mapped file can't be replaced here")
    np.testing.assert_array_equal(model(INPUT_IDS).logits, expected)
    assert not np.allclose(load_model(directory)(INPUT_IDS).logits, expected)


def test_a_model_of_arrays_does_not_depend_on_a_file(
    model: DistilBertModel, directory: Path
) -> None:
    expected = model(INPUT_IDS).logits
    copied = type(model)(model.config, {k: v.copy() for k, v in model.weights.items()})
    spoil(directory)
    np.testing.assert_array_equal(copied(INPUT_IDS).logits, expected)


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_an_estimator_reloads_a_file_that_was_written_to(
    trainable_layers: int, directory: Path
) -> None:
    estimators = [
        DistilBertEmbedder(directory, pooling="mean"),
        DistilBertClassifier(directory, max_iter=1, trainable_layers=trainable_layers),
        DistilBertClassifier.from_pretrained(directory),
    ]
    for estimator in estimators[:2]:
        estimator.fit(TEXTS, LABELS)
    uses = [estimators[0].transform, *(each.predict_proba for each in estimators[1:])]
    expected = [use(TEXTS) for use in uses]
    os.utime(directory / WEIGHTS)
    for use, before in zip(uses, expected, strict=True):
        np.testing.assert_allclose(use(TEXTS), before, atol=1e-6)
    spoil(directory)
    for use in uses:
        with pytest.raises(CheckpointError, match="not the weights that this .* was fitted with"):
            use(TEXTS)
    truncate(directory)
    for use in uses:
        with pytest.raises(CheckpointError, match="is not a valid safetensors file"):
            use(TEXTS)
