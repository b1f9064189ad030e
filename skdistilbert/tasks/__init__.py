"""From texts to what a user wants of them."""

from skdistilbert.tasks.classification import classify
from skdistilbert.tasks.embedding import embed, predict

__all__ = ["classify", "embed", "predict"]
