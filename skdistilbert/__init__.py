"""DistilBERT as scikit-learn estimators, on a NumPy forward pass, without PyTorch."""

from skdistilbert.checkpoint import DistilBertConfig
from skdistilbert.estimators import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertRegressor,
    DistilBertTokenClassifier,
)
from skdistilbert.exceptions import CheckpointError, TruncationWarning
from skdistilbert.models import (
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
    DistilBertModel,
    load_model,
)
from skdistilbert.tasks import answer, classify, embed, extract_entities, predict, unmask
from skdistilbert.tokenization import WordPieceTokenizer

__version__ = "0.1.0.dev0"

__all__ = [
    "CheckpointError",
    "DistilBertClassifier",
    "DistilBertConfig",
    "DistilBertEmbedder",
    "DistilBertForMaskedLM",
    "DistilBertForQuestionAnswering",
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
    "DistilBertModel",
    "DistilBertRegressor",
    "DistilBertTokenClassifier",
    "TruncationWarning",
    "WordPieceTokenizer",
    "answer",
    "classify",
    "embed",
    "extract_entities",
    "load_model",
    "predict",
    "unmask",
]
