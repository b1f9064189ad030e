from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.utils import get_tags

from skdistilbert import DistilBertRegressor

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
TEXTS = [" ".join(WORDS[:n]) for n in range(1, 11)]
NUMBERS = 1000 + 50.0 * np.arange(10)  # far from the output of a new head


def quick(model: Path, **params: Any) -> DistilBertRegressor:  # noqa: ANN401
    few = {"max_iter": 60, "batch_size": 5, "learning_rate_init": 5e-3, "random_state": 0}
    return DistilBertRegressor(model, **(few | {"trainable_layers": 1} | params))


@pytest.mark.parametrize("trainable_layers", [0, 1, "all"])
def test_it_learns_in_the_units_of_the_targets(tiny: Path, trainable_layers: Any) -> None:  # noqa: ANN401
    regressor = quick(tiny, trainable_layers=trainable_layers).fit(TEXTS, NUMBERS)
    predicted = regressor.predict(TEXTS)
    assert predicted.shape == (10,)
    assert predicted.dtype == np.float64
    assert regressor.score(TEXTS, NUMBERS) > 0.6
    again = pickle.loads(pickle.dumps(regressor))
    np.testing.assert_array_equal(again.predict(TEXTS), predicted)


def test_several_outputs_of_different_scales(tiny: Path) -> None:
    numbers = np.column_stack([NUMBERS, -1e-3 * NUMBERS, np.full(10, 7.0)])
    regressor = quick(tiny).fit(TEXTS, numbers)
    predicted = regressor.predict(TEXTS)
    assert predicted.shape == (10, 3)
    errors = np.abs(predicted - numbers).mean(axis=0) / [NUMBERS.std(), 1e-3 * NUMBERS.std(), 1]
    assert (errors < 0.6).all()
    assert get_tags(regressor).target_tags.multi_output


def test_the_unit_of_the_targets_does_not_matter(tiny: Path) -> None:
    first, second = (
        quick(tiny).fit(TEXTS, unit * NUMBERS).predict(TEXTS) / unit for unit in (1, 1e-6)
    )
    np.testing.assert_allclose(first, second, rtol=1e-3)


def test_a_constant_output_does_not_disturb_the_others(tiny: Path) -> None:
    texts, numbers = TEXTS[:7], NUMBERS[:7]
    both = quick(tiny).fit(texts, np.column_stack([numbers, np.full(7, 0.1)]))
    predicted = both.predict(texts)
    assert np.corrcoef(predicted[:, 0], numbers)[0, 1] > 0.8
    assert max(both.loss_curve_) < 100  # the mean of seven times 0.1 is not 0.1


def test_targets_far_from_zero(tiny: Path) -> None:
    seconds = 1.7e9 + NUMBERS  # float32 has no number between 1.7e9 and 1.7e9 + 128
    expected = quick(tiny).fit(TEXTS, NUMBERS).predict(TEXTS)
    got = quick(tiny).fit(TEXTS, seconds).predict(TEXTS) - 1.7e9
    np.testing.assert_allclose(got, expected, atol=0.1)


def test_sample_weight_and_warm_start(tiny: Path) -> None:
    same, numbers = ["one text"] * 4, [0.0, 0.0, 0.0, 8.0]
    regressor = quick(tiny, warm_start=True).fit(same, numbers, sample_weight=[1, 1, 1, 3])
    np.testing.assert_allclose(regressor.predict(same[:1]), 4, atol=1)
    regressor.set_params(max_iter=1, learning_rate_init=1e-9).fit(same, numbers)
    np.testing.assert_allclose(regressor.predict(same[:1]), 4, atol=1)
    with pytest.raises(
        ValueError, match="warm_start needs the shape of the first targets, 1 number"
    ):
        regressor.fit(same, np.ones((4, 2)))


def test_early_stopping_and_cross_validation(tiny: Path) -> None:
    regressor = quick(tiny, early_stopping=True, validation_fraction=0.3, n_iter_no_change=3)
    regressor.fit(TEXTS * 2, np.tile(NUMBERS, 2))
    assert regressor.best_validation_score_ == max(regressor.validation_scores_ or [])
    with pytest.raises(
        ValueError,
        match="early_stopping must hold out at least 2 texts, because R2 is not "
        "defined for one; got 1",
    ):
        quick(tiny, early_stopping=True).fit(TEXTS, NUMBERS)
    assert cross_val_score(quick(tiny, max_iter=2), TEXTS, NUMBERS, cv=3).shape == (3,)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "the target y is None"),
        (NUMBERS[:3], "inconsistent numbers of samples"),
        ([np.nan, *NUMBERS[1:]], "NaN"),
        (["a"] * 10, "convert|dtype|numeric"),
    ],
)
def test_invalid_targets_raise(tiny: Path, y: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=message):
        quick(tiny).fit(TEXTS, y)
