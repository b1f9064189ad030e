"""Functions from texts to embeddings, labels, scores, entities, answers and masked words."""

from skdistilbert.tasks.classification import classify
from skdistilbert.tasks.cross_encoding import rank, score_pairs
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
    "rank",
    "score_pairs",
    "semantic_search",
    "unmask",
]
