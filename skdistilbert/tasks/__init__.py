"""From texts to what a user wants of them."""

from skdistilbert.tasks.classification import classify
from skdistilbert.tasks.embedding import embed, predict
from skdistilbert.tasks.masked_words import unmask

__all__ = ["classify", "embed", "predict", "unmask"]
