"""The scikit-learn estimators.

``SKOPS_TRUSTED`` names the types that their files hold beside those that skops knows, for
``skops.io.load(file, trusted=SKOPS_TRUSTED)``.
"""

from skdistilbert.estimators.classifier import DistilBertClassifier
from skdistilbert.estimators.embedder import DistilBertEmbedder
from skdistilbert.estimators.encoder_changes import ChangedRows, EncoderChanges
from skdistilbert.estimators.regressor import DistilBertRegressor, Scale
from skdistilbert.estimators.token_classifier import DistilBertTokenClassifier
from skdistilbert.nn.heads import SequenceClassificationHead, TokenClassificationHead
from skdistilbert.nn.weights import Layer, LayerNorm, Linear

__all__ = [
    "SKOPS_TRUSTED",
    "DistilBertClassifier",
    "DistilBertEmbedder",
    "DistilBertRegressor",
    "DistilBertTokenClassifier",
]

SKOPS_TRUSTED = [
    f"{trusted.__module__}.{trusted.__qualname__}"
    for trusted in (
        DistilBertClassifier,
        DistilBertEmbedder,
        DistilBertRegressor,
        DistilBertTokenClassifier,
        ChangedRows,
        EncoderChanges,
        Layer,
        LayerNorm,
        Linear,
        Scale,
        SequenceClassificationHead,
        TokenClassificationHead,
    )
]
