"""What happens around each epoch: printed lines and scikit-learn's callbacks."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from skdistilbert.estimators.sklearn_compat import TaskContext
from skdistilbert.nn.training import Observer

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.training import History


class FitObserver(Observer):
    """Print each epoch if the estimator is verbose, and call its callbacks.

    Parameters
    ----------
    estimator : estimator with CallbackSupportMixin
    max_iter : int
        Maximum number of epochs.
    fitted_attributes : callable
        Returns the attributes with which the estimator predicts as if training ended now.
    data : dict
        ``X``, ``y`` and ``metadata`` as `fit` received them.
    """

    def __init__(
        self,
        estimator: Any,  # noqa: ANN401
        max_iter: int,
        fitted_attributes: Callable[[], dict[str, Any]],
        data: dict[str, Any],
    ) -> None:
        self._verbose, self._max_iter = estimator.verbose, max_iter
        self._fitted_attributes = fitted_attributes
        self._fit = self._epoch = TaskContext.of_fit(estimator, data, max_iter)

    def begin_epoch(self) -> None:
        """Start the clock and call the callbacks."""
        self._began = perf_counter()
        self._epoch = self._fit.of_epoch()

    def end_epoch(self, history: History) -> bool:
        """Print the epoch and call the callbacks; return whether one asks to stop."""
        if self._verbose:
            self._print(history)
        return self._epoch.end(self._fitted_attributes)

    def end(self) -> None:
        """Call the callbacks after the estimator has been fitted."""
        self._fit.end(dict)

    def _print(self, history: History) -> None:
        score = f", validation score {history.scores[-1]:.4f}" if history.scores else ""
        print(
            f"Epoch {len(history.losses)} of {self._max_iter}: loss {history.losses[-1]:.4f}"
            f"{score}, {perf_counter() - self._began:.1f} s"
        )
