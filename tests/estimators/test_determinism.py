"""Results depend only on the texts, the parameters and ``random_state``."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import DistilBertClassifier, DistilBertEmbedder
from skdistilbert.nn import inference

if TYPE_CHECKING:
    from pathlib import Path

    Estimator = DistilBertEmbedder | DistilBertClassifier

TOLERANCE = 1e-5  # as the README says
TEXTS = [
    " ".join([question, verb, *["of the one"] * n])
    for n, question in enumerate(("what", "who", "where", "when", "how", "why"))
    for verb in ("is it", "would you do", "then", "")
]
LABELS = [text.split()[0] for text in TEXTS]


@pytest.fixture(autouse=True)
def several_threads(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Run the tiny model in several threads and batches; return the threads used."""
    monkeypatch.setattr(inference, "MIN_WORK_PER_THREAD", 1)
    monkeypatch.setattr(inference, "MAX_STATES", 64 * 32)  # 64 tokens
    threads, encode = set(), inference.encode

    def spied(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        threads.add(threading.get_ident())
        return encode(*args, **options)

    monkeypatch.setattr(inference, "encode", spied)
    return threads


@pytest.fixture(params=["embedder", "classifier"])
def estimator(request: pytest.FixtureRequest, tiny: Path) -> Estimator:
    if request.param == "embedder":
        return DistilBertEmbedder(tiny).fit(TEXTS)
    return DistilBertClassifier(tiny, random_state=0).fit(TEXTS, LABELS)


def result(estimator: Estimator, texts: list[str]) -> np.ndarray:
    if isinstance(estimator, DistilBertEmbedder):
        return estimator.transform(texts)
    return estimator.decision_function(texts)


def test_order_does_not_change_any_digit(estimator: Estimator) -> None:
    order = np.random.default_rng(0).permutation(len(TEXTS))
    shuffled = result(estimator, [TEXTS[row] for row in order])
    np.testing.assert_array_equal(shuffled, result(estimator, TEXTS)[order])


@pytest.mark.parametrize("seed", range(3))
def test_order_and_other_texts_do_not_matter(estimator: Estimator, seed: int) -> None:
    expected = result(estimator, TEXTS)
    # some texts, some of them more than once, in any order
    rows = np.random.default_rng(seed).integers(len(TEXTS), size=40)
    in_company = result(estimator, [TEXTS[row] for row in rows])
    np.testing.assert_allclose(in_company, expected[rows], atol=TOLERANCE)
    if isinstance(estimator, DistilBertClassifier):
        labels = estimator.predict([TEXTS[row] for row in rows])
        np.testing.assert_array_equal(labels, estimator.predict(TEXTS)[rows])


def test_a_single_text_has_the_same_result_as_in_a_batch(estimator: Estimator) -> None:
    alone = np.concatenate([result(estimator, [text]) for text in TEXTS])
    np.testing.assert_allclose(alone, result(estimator, TEXTS), atol=TOLERANCE)


def test_the_thread_count_does_not_matter(estimator: Estimator, several_threads: set[int]) -> None:
    # Distinct texts, as equal ones are encoded once and would be too few for two threads.
    texts = [f"{text} {number}" for text in TEXTS for number in range(20)]
    expected = result(estimator.set_params(n_threads=1), texts)
    for n_threads in (2, 3):
        several_threads.clear()
        features = result(estimator.set_params(n_threads=n_threads), texts)
        assert len(several_threads) > 1
        np.testing.assert_allclose(features, expected, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("params", "tolerance"),
    [
        ({}, TOLERANCE),
        ({"trainable_layers": 1, "max_iter": 2}, TOLERANCE),
        ({"trainable_layers": "all", "max_iter": 2}, TOLERANCE),
        # Ten epochs amplify rounding: to 1.2e-5 with the kernels for AVX2.
        ({"early_stopping": True, "validation_fraction": 0.25, "max_iter": 10}, 2 * TOLERANCE),
    ],
    ids=["default", "one layer", "all layers", "early stopping"],
)
def test_the_same_random_state_gives_the_same_on_any_number_of_threads(
    tiny: Path, params: dict[str, Any], tolerance: float
) -> None:
    def fitted(n_threads: int, random_state: int) -> np.ndarray:
        classifier = DistilBertClassifier(
            tiny, n_threads=n_threads, random_state=random_state, **params
        )
        return classifier.fit(TEXTS, LABELS).predict_proba(TEXTS)

    expected = fitted(1, 0)
    for n_threads in (1, 2, 3):
        np.testing.assert_allclose(fitted(n_threads, 0), expected, atol=tolerance)
    assert np.abs(fitted(1, 1) - expected).max() > tolerance
