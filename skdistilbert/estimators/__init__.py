"""The scikit-learn estimators."""

from skdistilbert.estimators.classifier import DistilBertClassifier
from skdistilbert.estimators.embedder import DistilBertEmbedder
from skdistilbert.estimators.regressor import DistilBertRegressor
from skdistilbert.estimators.token_classifier import DistilBertTokenClassifier

__all__ = [
    "DistilBertClassifier",
    "DistilBertEmbedder",
    "DistilBertRegressor",
    "DistilBertTokenClassifier",
]
