"""DistilBERT models with and without task heads, loaded from checkpoints."""

from skdistilbert.models.distilbert import DistilBertModel
from skdistilbert.models.loading import load_model
from skdistilbert.models.outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from skdistilbert.models.task_models import (
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
)

__all__ = [
    "BaseModelOutput",
    "DistilBertForMaskedLM",
    "DistilBertForQuestionAnswering",
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
    "DistilBertModel",
    "MaskedLMOutput",
    "QuestionAnsweringModelOutput",
    "SequenceClassifierOutput",
    "TokenClassifierOutput",
    "load_model",
]
