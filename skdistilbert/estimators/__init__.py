"""The scikit-learn estimators."""

from skdistilbert.estimators.classifier import DistilBertClassifier
from skdistilbert.estimators.embedder import DistilBertEmbedder

__all__ = ["DistilBertClassifier", "DistilBertEmbedder"]
