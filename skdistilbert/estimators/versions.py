"""The oldest scikit-learn that the estimators work with, asked for before anything fails."""

from __future__ import annotations

import sklearn
from sklearn.utils.fixes import parse_version

OLDEST_SCIKIT_LEARN = "1.6"


def check_scikit_learn(version: str = sklearn.__version__) -> None:
    """Raise ImportError if scikit-learn is too old."""
    if parse_version(version) < parse_version(OLDEST_SCIKIT_LEARN):
        raise ImportError(
            f"The estimators of skdistilbert need scikit-learn {OLDEST_SCIKIT_LEARN} or newer; "
            f"found {version}. Upgrade it: pip install --upgrade scikit-learn"
        )
