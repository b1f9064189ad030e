"""Find the encoders of this package inside a fitted estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.base import BaseEstimator

from skdistilbert.estimators.text_estimator import TextEstimator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from skdistilbert.tokenization import WordPieceTokenizer


def find_tokenizers(estimator: object) -> list[WordPieceTokenizer]:
    """Return the tokenizers of the fitted estimators of this package in `estimator`.

    Attributes are searched at any depth: steps of a pipeline, the best estimator of a search, or
    the classifiers inside `CalibratedClassifierCV`.
    """
    return [found._loaded_encoder().tokenizer for found in _text_estimators(estimator, set())]


def _text_estimators(value: object, seen: set[int]) -> Iterator[TextEstimator]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, TextEstimator):
        if hasattr(value, "_encoder"):  # fitted, unlike the estimator of a search
            yield value
        return
    for part in _parts(value):
        yield from _text_estimators(part, seen)


def _parts(value: Any) -> list[Any]:  # noqa: ANN401
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    is_sklearn = isinstance(value, BaseEstimator) or type(value).__module__.startswith("sklearn.")
    return list(vars(value).values()) if is_sklearn and hasattr(value, "__dict__") else []
