"""DistilBERT as scikit-learn estimators, on a NumPy forward pass, without PyTorch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

# Each needs some of those before it, and none that come after.
_MODULES = ("exceptions", "tokenization", "checkpoint", "models", "tasks", "estimators")


def __getattr__(name: str) -> object:
    # Public names come when they are first asked for, as SPEC 1 of Scientific Python has it: who
    # wants a tokenizer does not wait for the network, nor who wants a model for scikit-learn.
    if name in __all__:
        for module_name in _MODULES:
            module = import_module(f"{__name__}.{module_name}")
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
