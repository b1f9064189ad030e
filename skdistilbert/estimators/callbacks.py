"""scikit-learn's callbacks, where its version has them (1.9 or newer)."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from skdistilbert.nn.training.loop import Observer

__all__ = ["CallbackSupportMixin", "FitObserver", "with_callbacks"]

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.training.loop import History

Method = TypeVar("Method", bound="Callable[..., Any]")

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks

    HAS_CALLBACKS = True
except ImportError:
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replace the mixin that older versions do not have."""

    def _with_callbacks(method: Any) -> Any:  # noqa: ANN401
        return method


def with_callbacks(method: Method) -> Method:
    """Apply the decorator of scikit-learn, and keep the type of the method."""
    decorated: Method = _with_callbacks(method)
    return decorated


class FitObserver(Observer):
    """Prints each epoch if the estimator is verbose, and calls its callbacks.

    Parameters
    ----------
    estimator : estimator with CallbackSupportMixin
    max_iter : int
        Epochs at most.
    fitted_attributes : callable
        Gives the attributes with which the estimator predicts as if training ended now.
    data : dict
        ``X``, ``y`` and ``metadata`` as `fit` was given them.
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
        """Tell the callbacks, and start the clock."""
        self._began = perf_counter()
        if self._fit_context is not None:
            self._epoch_context = self._fit_context.subcontext(task_name="epoch")
            self._epoch_context.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end_epoch(self, history: History) -> bool:
        """Print, and tell the callbacks, which may ask to stop."""
        if self._estimator.verbose:
            self._print(history)
        return self._end(getattr(self, "_epoch_context", None), self._fitted_attributes)

    def end(self) -> None:
        """Tell the callbacks that all is done, and the estimator fitted."""
        self._end(self._fit_context, dict)

    def _end(self, context: Any, fitted_attributes: Callable[[], dict[str, Any]]) -> bool:  # noqa: ANN401
        return context is not None and bool(
            context.call_on_fit_task_end(
                estimator=self._estimator,
                reconstruction_attributes=fitted_attributes,
                **self._data,
            )
        )

    def _print(self, history: History) -> None:
        score = f", validation score {history.scores[-1]:.4f}" if history.scores else ""
        print(
            f"Epoch {len(history.losses)} of {self._max_iter}: loss {history.losses[-1]:.4f}"
            f"{score}, {perf_counter() - self._began:.1f} s"
        )
