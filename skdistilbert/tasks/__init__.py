"""Functions from texts to embeddings, labels, entities, answers and masked words, and search."""

from skdistilbert.tasks.classification import classify
from skdistilbert.tasks.embedding import embed, predict
from skdistilbert.tasks.entities import extract_entities
from skdistilbert.tasks.masked_words import unmask
from skdistilbert.tasks.question_answering import answer
from skdistilbert.tasks.similarity_search import near_duplicates, semantic_search

__all__ = [
    "answer",
    "classify",
    "embed",
    "extract_entities",
    "near_duplicates",
    "predict",
    "semantic_search",
    "unmask",
]
