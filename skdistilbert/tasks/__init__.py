"""From texts to what a user wants of them."""

from skdistilbert.tasks.embedding import embed, predict

__all__ = ["embed", "predict"]
