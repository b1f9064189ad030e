"""Read and write checkpoint files: configuration and weights."""

from skdistilbert.checkpoint.config import DistilBertConfig
from skdistilbert.checkpoint.reading import Checkpoint, read_checkpoint
from skdistilbert.checkpoint.writing import write_checkpoint

__all__ = ["Checkpoint", "DistilBertConfig", "read_checkpoint", "write_checkpoint"]
