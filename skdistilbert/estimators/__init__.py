"""The scikit-learn estimators.

``SKOPS_TRUSTED`` names the types in their skops files that skops does not know, for
``skops.io.load(file, trusted=SKOPS_TRUSTED)``.
"""

from skdistilbert.estimators.classifier import DistilBertClassifier
from skdistilbert.estimators.contrastive_embedder import DistilBertContrastiveEmbedder
from skdistilbert.estimators.embedder import DistilBertEmbedder
from skdistilbert.estimators.regressor import DistilBertRegressor
from skdistilbert.estimators.token_classifier import DistilBertTokenClassifier
from skdistilbert.estimators.zero_shot_classifier import DistilBertZeroShotClassifier

__all__ = [
    "SKOPS_TRUSTED",
    "DistilBertClassifier",
    "DistilBertContrastiveEmbedder",
    "DistilBertEmbedder",
    "DistilBertRegressor",
    "DistilBertTokenClassifier",
    "DistilBertZeroShotClassifier",
]

SKOPS_TRUSTED = [
    f"{trusted.__module__}.{trusted.__qualname__}"
    for trusted in (
        DistilBertClassifier,
        DistilBertContrastiveEmbedder,
        DistilBertEmbedder,
        DistilBertRegressor,
        DistilBertTokenClassifier,
        DistilBertZeroShotClassifier,
    )
]
