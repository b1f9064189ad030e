"""The linear head against scikit-learn's LogisticRegression, and the choice of its penalty."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skdistilbert.nn.training import (
    LinearProblem,
    binary_cross_entropy,
    choose_strength,
    cross_entropy,
    fit_linear_head,
)
from skdistilbert.nn.training.linear_head import STRENGTHS


def a_problem(n_texts: int, noise: float, seed: int = 0, scale: float = 1.0) -> LinearProblem:
    """Return features around the centres of three classes."""
    rng = np.random.default_rng(seed)
    targets = np.arange(n_texts) % 3
    features = rng.normal(size=(3, 8))[targets] + noise * rng.normal(size=(n_texts, 8)) + 5
    weights = np.ones(n_texts, np.float32)
    return LinearProblem((scale * features).astype(np.float32), targets, weights, cross_entropy, 3)


@pytest.mark.parametrize("strength", [1.0, 30.0])
def test_it_equals_logistic_regression_on_scaled_features(strength: float) -> None:
    problem = a_problem(60, noise=2)
    rng = np.random.default_rng(1)
    problem = problem._replace(weights=rng.integers(1, 4, 60).astype(np.float32))
    centre = np.average(problem.features, axis=0, weights=problem.weights)
    centred = problem.features - centre
    scale = np.sqrt(np.average((centred**2).sum(axis=1), weights=problem.weights))
    reference = LogisticRegression(C=strength, tol=1e-6, max_iter=1000)
    reference.fit(centred / scale, problem.targets, sample_weight=problem.weights)
    logits = fit_linear_head(problem, strength).logits(problem.features.T)
    shown = np.exp(logits) / np.exp(logits).sum(axis=0)
    np.testing.assert_allclose(shown.T, reference.predict_proba(centred / scale), atol=2e-3)


def test_a_weighted_text_equals_a_repeated_one() -> None:
    problem = a_problem(12, noise=1)
    times = np.arange(12) % 3 + 1
    repeated = problem.select(np.repeat(np.arange(12), times))
    weighted = problem._replace(weights=times.astype(np.float32))
    heads = [fit_linear_head(each, 10.0).classifier.weight for each in (weighted, repeated)]
    np.testing.assert_allclose(*heads, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_scale_of_the_features_does_not_matter(scale: float) -> None:
    plain, scaled = a_problem(60, noise=1), a_problem(60, noise=1, scale=scale)
    logits = [fit_linear_head(each, 10.0).logits(each.features.T) for each in (plain, scaled)]
    np.testing.assert_allclose(*logits, atol=1e-2)


def test_noisy_features_have_a_stronger_penalty() -> None:
    chosen = [
        choose_strength(a_problem(90, noise), np.random.RandomState(0)) for noise in (0.3, 6)
    ]
    assert chosen[0] > chosen[1]
    assert set(chosen) <= {*STRENGTHS}


@pytest.mark.parametrize("n_texts", [1, 2, 3, 2100])
def test_any_number_of_texts_has_a_strength(n_texts: int) -> None:
    assert choose_strength(a_problem(n_texts, noise=1), np.random.RandomState(0)) in STRENGTHS


def test_labels_without_texts_and_equal_texts_are_fitted() -> None:
    indicators = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]], np.float32)
    problem = a_problem(4, noise=0)._replace(targets=indicators, loss=binary_cross_entropy)
    logits = fit_linear_head(problem, 100.0).logits(problem.features.T)
    assert (logits[1] < 0).all()
    assert (logits[2] > 0).all()
    equal = a_problem(12, noise=0)
    equal = equal._replace(features=np.ones((12, 8), np.float32))
    logits = fit_linear_head(equal, 100.0).logits(equal.features.T)
    np.testing.assert_allclose(logits, 0, atol=1e-2)
