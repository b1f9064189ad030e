"""DistilBERT as scikit-learn estimators, on a NumPy forward pass, without PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.checkpoint import DistilBertConfig
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

if TYPE_CHECKING:
    from skdistilbert.estimators import (
        DistilBertClassifier,
        DistilBertEmbedder,
        DistilBertRegressor,
        DistilBertTokenClassifier,
    )

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


def __getattr__(name: str) -> object:
    # The estimators come when they are first asked for: who wants only a model and a tokenizer
    # does not wait for scikit-learn.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from skdistilbert import estimators

    return getattr(estimators, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
