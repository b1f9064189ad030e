"""Every private or version-dependent name of scikit-learn that the estimators use."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import sklearn
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import _check_sample_weight

from skdistilbert.estimators.progress import log
from skdistilbert.nn.training import Observer

__all__ = [
    "HAS_CALLBACKS",
    "CallbackSupportMixin",
    "FitObserver",
    "InvalidParameterError",
    "check_sample_weight",
    "check_scikit_learn",
    "fit_data",
    "with_callbacks",
]

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.nn.training import History

OLDEST_SCIKIT_LEARN = "1.6"
Method = TypeVar("Method", bound="Callable[..., Any]")

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn before 1.9
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replace the mixin that older versions do not have."""

    def _with_callbacks(method: Any) -> Any:  # noqa: ANN401
        return method


def with_callbacks(method: Method) -> Method:
    """Apply the decorator of scikit-learn, and keep the type of the method."""
    decorated: Method = _with_callbacks(method)
    return decorated


def check_scikit_learn(version: str = sklearn.__version__) -> None:
    """Raise ImportError if scikit-learn is too old."""
    if parse_version(version) < parse_version(OLDEST_SCIKIT_LEARN):
        raise ImportError(
            f"The estimators of skdistilbert need scikit-learn {OLDEST_SCIKIT_LEARN} or newer; "
            f"found {version}. Upgrade it: pip install --upgrade scikit-learn"
        )


def check_sample_weight(sample_weight: ArrayLike | None, n_texts: int) -> NDArray[np.float64]:
    """Return validated weights of texts, (n_texts,); all ones for None."""
    weights: NDArray[np.float64] = _check_sample_weight(
        sample_weight, np.empty((n_texts, 1)), dtype=np.float64, ensure_non_negative=True
    )
    return weights


def fit_data(X: object, y: object, sample_weight: ArrayLike | None = None) -> dict[str, Any]:
    """Return the arguments of `fit` as callbacks receive them."""
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": y, "metadata": metadata}


class FitObserver(Observer):
    """Log each epoch if the estimator is verbose, and call its callbacks if it has any.

    Parameters
    ----------
    estimator : estimator with CallbackSupportMixin
    max_iter : int
        Maximum number of epochs.
    fitted_attributes : callable
        Returns the attributes with which the estimator predicts as if training ended now.
    data : dict
        The result of `fit_data`.
    """

    def __init__(
        self,
        estimator: Any,  # noqa: ANN401
        max_iter: int,
        fitted_attributes: Callable[[], dict[str, Any]],
        data: dict[str, Any],
    ) -> None:
        self._estimator, self._max_iter, self._data = estimator, max_iter, data
        self._fitted_attributes = fitted_attributes
        self._fit_context: Any = None
        if HAS_CALLBACKS:
            self._fit_context = estimator._init_callback_context(max_subtasks=max_iter)
            self._fit_context.call_on_fit_task_begin(estimator=estimator, **data)

    def begin_epoch(self) -> None:
        """Start the clock and call the callbacks."""
        self._began, self._epoch_context = perf_counter(), None
        if self._fit_context is not None:
            self._epoch_context = self._fit_context.subcontext(task_name="epoch")
            self._epoch_context.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end_epoch(self, history: History) -> bool:
        """Log the epoch and call the callbacks; return whether one asks to stop."""
        if self._estimator.verbose:
            score = f", validation score {history.scores[-1]:.4f}" if history.scores else ""
            log(
                f"Epoch {len(history.losses)} of {self._max_iter}: loss {history.losses[-1]:.4f}"
                f"{score}, {perf_counter() - self._began:.1f} s"
            )
        return self._end(self._epoch_context, self._fitted_attributes)

    def end(self) -> None:
        """Call the callbacks after the estimator has been fitted."""
        self._end(self._fit_context, dict)

    def _end(self, context: Any, fitted_attributes: Callable[[], dict[str, Any]]) -> bool:  # noqa: ANN401
        return context is not None and bool(
            context.call_on_fit_task_end(
                estimator=self._estimator,
                reconstruction_attributes=fitted_attributes,
                **self._data,
            )
        )
