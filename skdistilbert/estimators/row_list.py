"""Lists of rows of uneven lengths, as predictions that scikit-learn can join."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

Row = TypeVar("Row")


class RowList(list[Row]):
    """A list that NumPy converts to an array with one object per row.

    `sklearn.model_selection.cross_val_predict` joins the predictions of folds as arrays, and NumPy
    raises an error for other lists of uneven rows.
    """

    def __array__(
        self,
        dtype: DTypeLike | None = None,
        copy: bool | None = None,
    ) -> NDArray[np.object_]:
        """Return the rows as an object array of shape (n_rows,)."""
        return np.fromiter(self, object, len(self))
