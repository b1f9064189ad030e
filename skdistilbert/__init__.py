"""DistilBERT as scikit-learn estimators, on a NumPy forward pass, without PyTorch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from skdistilbert.version import __version__ as __version__

if TYPE_CHECKING:
    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators import (
        DistilBertClassifier,
        DistilBertEmbedder,
        DistilBertRegressor,
        DistilBertTokenClassifier,
    )
    from skdistilbert.exceptions import (
        CheckpointError,
        HubError,
        NonFiniteError,
        SkdistilbertError,
        TruncationWarning,
    )
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
    "HubError",
    "NonFiniteError",
    "SkdistilbertError",
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

# In the order of their imports: a module imports earlier ones only.
_MODULES = ("exceptions", "tokenization", "checkpoint", "models", "tasks", "estimators")


def __getattr__(name: str) -> object:
    # Public names are imported at their first use, as in SPEC 1 of Scientific Python. So a script
    # that uses only the tokenizer imports neither the network nor scikit-learn.
    if name in __all__:
        for module_name in _MODULES:
            module = import_module(f"{__name__}.{module_name}")
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
