"""Text to token ids."""

from skdistilbert.tokenization.added_tokens import AddedToken
from skdistilbert.tokenization.encoding import Encoding, PaddedBatch, RaggedEncoding
from skdistilbert.tokenization.tokenizer import WordPieceTokenizer

__all__ = ["AddedToken", "Encoding", "PaddedBatch", "RaggedEncoding", "WordPieceTokenizer"]
