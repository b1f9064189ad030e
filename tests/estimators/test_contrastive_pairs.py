"""DistilBertContrastiveEmbedder on pairs of texts."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    TruncationWarning,
    UnknownTokenWarning,
)

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = [
    ("who is it", "it is he"),
    ("what is it", "it is a day"),
    ("where is it", "it is here"),
    ("one", "two of them"),
]


def quick(model: Path | str, **params: Any) -> DistilBertContrastiveEmbedder:  # noqa: ANN401
    few: dict[str, Any] = {"max_iter": 30, "learning_rate_init": 2e-3, "random_state": 0}
    return DistilBertContrastiveEmbedder(model, **few | params)


def cosines(embedder: DistilBertContrastiveEmbedder) -> np.ndarray:
    """Return the cosines of all first texts with all second texts."""
    first, second = zip(*PAIRS, strict=True)
    return np.asarray(embedder.transform(first) @ embedder.transform(second).T)


@pytest.mark.parametrize("layers", [1, "all"])
def test_cosines_approach_the_similarities(tiny: Path, layers: Any) -> None:  # noqa: ANN401
    similarities = [0.0, 1.0, 0.5, 0.0]
    embedder = quick(tiny, trainable_layers=layers, max_iter=100).fit(PAIRS, similarities)
    np.testing.assert_allclose(np.diagonal(cosines(embedder)), similarities, atol=0.25)
    assert embedder.loss_curve_[-1] < embedder.loss_curve_[0] / 5


def test_the_partner_is_the_most_similar_text(tiny: Path) -> None:
    embedder = quick(tiny).fit(PAIRS)
    np.testing.assert_array_equal(cosines(embedder).argmax(axis=1), np.arange(4))
    assert embedder.loss_curve_[-1] < embedder.loss_curve_[0]


def test_pairs_from_arrays_dicts_and_frames(tiny: Path) -> None:
    expected = quick(tiny, max_iter=2).fit(PAIRS).transform(["one"])
    dicts = [{"text": first, "text_pair": second} for first, second in PAIRS]
    for X in (np.array(PAIRS), dicts, iter(PAIRS)):
        np.testing.assert_array_equal(quick(tiny, max_iter=2).fit(X).transform(["one"]), expected)
    frame = pytest.importorskip("pandas").DataFrame(PAIRS)
    found = quick(tiny, max_iter=2).fit(frame).transform(["one"])
    np.testing.assert_array_equal(found, expected)


def test_threads_do_not_change_the_result(tiny: Path) -> None:
    first, second = (
        quick(tiny, max_iter=3, batch_size=4, n_threads=n).fit(PAIRS * 3).transform(["one"])
        for n in (1, 2)
    )
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_the_encoder_is_pickled_and_saved(tiny: Path, tmp_path: Path) -> None:
    embedder = quick(tiny, max_iter=2).fit(PAIRS)
    loaded = pickle.loads(pickle.dumps(embedder))
    np.testing.assert_array_equal(cosines(loaded), cosines(embedder))
    embedder.to_embedder(tmp_path / "tuned")
    found = DistilBertEmbedder(tmp_path / "tuned", normalize=True).transform(["one"])
    np.testing.assert_allclose(found, embedder.transform(["one"]), atol=1e-5)


@pytest.mark.parametrize(
    ("pairs", "y", "params", "message"),
    [
        (PAIRS, [0, 1, 0.5, 1.5], {}, "from 0 to 1 for each pair.*; got 1.5 in row 3"),
        (PAIRS, [0, -1, 0.5, 1], {}, "got -1.0 in row 1"),
        (PAIRS, [0, np.nan, 0.5, 1], {}, "y must have one similarity .* NaN"),
        (PAIRS, ["same", "other"] * 2, {}, "y must have one similarity .* or be None: "),
        (PAIRS, [0, 1], {}, "inconsistent numbers of samples"),
        (PAIRS, np.zeros((4, 2)), {}, r"got an array of shape \(4, 2\)"),
        (PAIRS, None, {"loss": "cosine"}, "loss must be 'auto' for pairs of texts, .* 'cosine'"),
        (PAIRS[:1], None, {}, "X must have at least two pairs if y is None, .* got 1"),
    ],
)
def test_pairs_that_cannot_be_compared(
    tiny: Path,
    pairs: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    params: dict[str, Any],
    message: str,
) -> None:
    embedder = quick(tiny, max_iter=1).fit(PAIRS)
    expected = cosines(embedder)
    with pytest.raises(ValueError, match=message):
        embedder.set_params(**params).fit(pairs, y)
    np.testing.assert_array_equal(cosines(embedder), expected)


def test_warnings_name_the_rows_of_truncated_texts(tiny: Path) -> None:
    pairs = [*PAIRS, ("one", "it is " * 20), ("it is " * 20, "it is " * 20)]
    with pytest.warns(TruncationWarning) as caught:
        quick(tiny, max_iter=1, max_length=8).fit(pairs)
    (message,) = [str(warning.message) for warning in caught]
    assert message.startswith("2 of 6 pairs were truncated to max_length=8 tokens (rows 4, 5).")


def test_one_warning_names_pairs_of_unknown_tokens(tiny: Path) -> None:
    pairs = [*PAIRS, ("\u4e16\u754c", "\u4f60\u597d"), ("one", "\u4f60\u597d" * 9)]
    with pytest.warns(UnknownTokenWarning) as caught:
        quick(tiny, max_iter=1).fit(pairs)
    (message,) = [str(warning.message) for warning in caught]
    assert "2 of 6 texts" in message
    assert "rows 4, 5" in message


def test_features_are_of_single_texts(tiny: Path) -> None:
    embedder = quick(tiny, max_iter=1)
    with pytest.raises(TypeError, match="accept pairs"):
        embedder.fit_transform(PAIRS, [0, 1, 0, 1])
    with pytest.raises(TypeError, match="accept pairs"):
        embedder.fit(PAIRS).transform(PAIRS)
    with pytest.raises(TypeError, match="Every row must be a pair"):
        embedder.fit([*PAIRS, "one"])
