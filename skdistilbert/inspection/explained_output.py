"""The output of an estimator that attributions explain."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np
from sklearn.base import is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skdistilbert.exceptions import SkdistilbertError, TruncationWarning, UnknownTokenWarning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from skdistilbert.tasks.pair_input import TextOrPair

    Scores = NDArray[np.float64]  # (n_texts, n_targets)

Function = Literal["decision_function", "predict_proba", "predict"]
ResponseMethod = Literal["auto", "decision_function", "predict_proba", "predict"]


@dataclass(frozen=True)
class ExplainedOutput:
    """One score per target: a class, a label of a multi-label target, or an output.

    Attributes
    ----------
    estimator : fitted estimator
    function : {"decision_function", "predict_proba", "predict"}
        The method from which the scores are computed.
    in_log_odds : bool
        Whether the scores are the log odds of the probabilities if `function` is "predict_proba".
    targets : list
        The class, label or output of each column of the scores. None is the only output of a
        regressor or an outlier detector.
    is_multilabel : bool
    """

    estimator: Any
    function: Function
    in_log_odds: bool
    targets: list[Any]
    is_multilabel: bool

    @classmethod
    def of_estimator(
        cls,
        estimator: Any,  # noqa: ANN401
        texts: list[TextOrPair],
        response_method: ResponseMethod = "auto",
    ) -> tuple[Self, list[Any]]:
        """Return the output of a fitted estimator, and its predictions of the texts.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is no classifier, regressor or outlier detector that reads texts.
        ValueError
            If it has no such response method.
        """
        check_is_fitted(estimator)
        function = _function(estimator, response_method)
        predictions = _predict(estimator, texts)
        classes = getattr(estimator, "classes_", None)
        is_multilabel = classes is not None and predictions.ndim == 2
        if classes is None:
            targets = [None] if predictions.ndim == 1 else list(range(predictions.shape[1]))
        elif isinstance(classes, list):  # one array for each label of a multi-label forest
            targets = list(range(len(classes)))
        else:
            targets = classes.tolist()
        in_log_odds = response_method == "auto"
        output = cls(estimator, function, in_log_odds, targets, is_multilabel)
        return output, predictions.tolist()

    def scores(self, X: Any) -> Scores:  # noqa: ANN401
        """Return the scores of texts, or of the features that the estimator reads.

        Raises
        ------
        TypeError
            If the estimator does not return one number for each target.
        """
        with _without_warnings_about_texts():
            output = getattr(self.estimator, self.function)(X)
        if self.function == "predict":
            scores = self._scores_of_predictions(np.asarray(output))
        elif self.function == "predict_proba":
            scores = as_columns(output).astype(np.float64)
            if self.in_log_odds:
                scores = _log_odds(as_columns(output), independent=self.is_multilabel)
        else:
            scores = np.asarray(output, np.float64).reshape(len(output), -1)
            if scores.shape[1] == 1 and len(self.targets) == 2 and not self.is_multilabel:
                scores = np.hstack([-scores, scores])
        n_targets = len(self.targets)
        for_pairs = n_targets > 2 and _is_ovo(self.estimator)
        if for_pairs or scores.shape[1] != n_targets:
            found = "one for each pair of classes" if for_pairs else scores.shape[1]
            raise TypeError(
                f"{type(self.estimator).__name__}.{self.function} must return one number for each "
                f"of {n_targets} targets; got {found}. Explain an estimator with one output for "
                'each class, such as SVC(decision_function_shape="ovr").'
            )
        return scores

    def _scores_of_predictions(self, predictions: NDArray[Any]) -> Scores:
        if hasattr(self.estimator, "classes_") and not self.is_multilabel:
            predictions = predictions[:, None] == np.array(self.targets)
        return predictions.astype(np.float64).reshape(len(predictions), -1)

    def probabilities(self, texts: list[TextOrPair]) -> NDArray[np.floating] | None:
        """Return the probabilities of the targets, (n_texts, n_targets), if there are any."""
        if not hasattr(self.estimator, "predict_proba"):
            return None
        with _without_warnings_about_texts():
            return as_columns(self.estimator.predict_proba(texts))

    def columns(self, target: object, predictions: list[Any], scores: Scores) -> list[int]:
        """Return the column to explain for each text: of `target`, or of the prediction.

        Raises
        ------
        ValueError
            If the target is unknown, or is needed to choose among the outputs of a regressor.
        """
        if target is not None:
            return [self._column(target)] * len(predictions)
        if self.targets == [None]:
            return [0] * len(predictions)
        if self.is_multilabel:
            return [int(column) for column in scores.argmax(axis=1)]
        if not hasattr(self.estimator, "classes_"):
            raise ValueError(
                f"target must be an integer from 0 to {len(self.targets) - 1}, the output to "
                "explain; got None."
            )
        return [self.targets.index(prediction) for prediction in predictions]

    def _column(self, target: object) -> int:
        if self.targets == [None]:
            raise ValueError(f"target must be None, as there is only one output; got {target!r}.")
        if np.ndim(target) > 0 or target not in self.targets:  # type: ignore[arg-type]
            raise ValueError(
                f"target must be one of {self.targets!r:.500}, or None for the prediction of each "
                f"text; got {target!r}."
            )
        return self.targets.index(target)

    def named_prediction(self, prediction: Any) -> Any:  # noqa: ANN401
        """Return a prediction; for multi-label targets, the names of the predicted labels."""
        if not self.is_multilabel:
            return prediction
        return [name for name, on in zip(self.targets, prediction, strict=True) if on]


@contextmanager
def _without_warnings_about_texts() -> Iterator[None]:
    """Hide warnings that `predict` has already issued for the texts themselves."""
    with warnings.catch_warnings():
        for category in (TruncationWarning, UnknownTokenWarning):
            warnings.simplefilter("ignore", category)
        yield


def _function(estimator: Any, response_method: ResponseMethod) -> Function:  # noqa: ANN401
    functions: tuple[Function, ...] = get_args(Function)
    found = [name for name in functions if hasattr(estimator, name)]
    is_explainable = found[:1] != ["predict"] or hasattr(estimator, "classes_")
    if not hasattr(estimator, "predict") or not (is_explainable or is_regressor(estimator)):
        raise TypeError(
            "estimator must be a classifier, a regressor or an outlier detector; got "
            f"{estimator!r:.200}. For features, pass a pipeline that ends with a predictor."
        )
    if response_method == "auto":
        return found[0]
    if response_method not in found:
        raise ValueError(
            f"response_method must be 'auto' or a method of {type(estimator).__name__}, which has "
            f"{', '.join(map(repr, found))}; got {response_method!r}."
        )
    return response_method


def _is_ovo(estimator: Any) -> bool:  # noqa: ANN401
    """Return whether the scores of an SVC compare pairs of classes; three classes have 3 pairs."""
    if isinstance(estimator, Pipeline):
        return _is_ovo(estimator[-1])
    if hasattr(estimator, "best_estimator_"):
        return _is_ovo(estimator.best_estimator_)
    return getattr(estimator, "decision_function_shape", "ovr") == "ovo"


def _predict(estimator: Any, texts: list[TextOrPair]) -> NDArray[Any]:  # noqa: ANN401
    try:
        return np.asarray(estimator.predict(texts))
    except SkdistilbertError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise TypeError(
            f"estimator must read raw texts; {type(estimator).__name__}.predict raised "
            f"{type(error).__name__}: {error} Pass a pipeline whose first step reads texts."
        ) from error


def as_columns(probabilities: Any) -> NDArray[np.floating]:  # noqa: ANN401
    """Return probabilities as (n_texts, n_targets).

    Multi-label forests and `MultiOutputClassifier` return a list with the probabilities of
    absence and presence of each label.
    """
    if isinstance(probabilities, list):
        return np.column_stack([of_label[:, -1] for of_label in probabilities])
    return np.asarray(probabilities)


def _log_odds(probabilities: NDArray[np.floating], *, independent: bool) -> Scores:
    """Return the logit of each probability, which is finite also for 0 and 1."""
    smallest = np.finfo(probabilities.dtype).eps
    p = probabilities.astype(np.float64)
    others = 1 - p if independent else p @ (1 - np.eye(p.shape[1]))
    odds: Scores = np.log(np.maximum(p, smallest)) - np.log(np.maximum(others, smallest))
    return odds
