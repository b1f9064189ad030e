"""Every private or version-dependent name of scikit-learn that the estimators use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.fixes import parse_version
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "HAS_CALLBACKS",
    "CallbackSupportMixin",
    "InvalidParameterError",
    "TaskContext",
    "check_sample_weight",
    "check_scikit_learn",
    "with_callbacks",
]

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

OLDEST_SCIKIT_LEARN = "1.6"

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    HAS_CALLBACKS = True
except ImportError:  # scikit-learn before 1.9
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Replace the mixin that older versions do not have."""

    def with_callbacks(method: Any) -> Any:  # noqa: ANN401
        """Replace the decorator that older versions do not have."""
        return method


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


class TaskContext:
    """The callbacks of an estimator during `fit` or during one epoch of it.

    It does nothing if scikit-learn has no callbacks.

    Parameters
    ----------
    estimator : estimator with CallbackSupportMixin
    data : dict
        ``X``, ``y`` and ``metadata`` as `fit` received them.
    context : callback context or None
    """

    def __init__(self, estimator: Any, data: dict[str, Any], context: Any) -> None:  # noqa: ANN401
        self._estimator, self._data, self._context = estimator, data, context
        if context is not None:
            context.call_on_fit_task_begin(estimator=estimator, **data)

    @classmethod
    def of_fit(cls, estimator: Any, data: dict[str, Any], max_iter: int) -> TaskContext:  # noqa: ANN401
        """Return the context of `fit` with at most `max_iter` epochs, and call the callbacks."""
        has_any = HAS_CALLBACKS
        context = estimator._init_callback_context(max_subtasks=max_iter) if has_any else None
        return cls(estimator, data, context)

    def of_epoch(self) -> TaskContext:
        """Return the context of the next epoch, and call the callbacks."""
        has_any = self._context is not None
        context = self._context.subcontext(task_name="epoch") if has_any else None
        return TaskContext(self._estimator, self._data, context)

    def end(self, fitted_attributes: Callable[[], dict[str, Any]]) -> bool:
        """Call the callbacks at the end of the task; return whether one asks to stop."""
        return self._context is not None and bool(
            self._context.call_on_fit_task_end(
                estimator=self._estimator,
                reconstruction_attributes=fitted_attributes,
                **self._data,
            )
        )
