"""Convert texts to token ids and back."""

from skdistilbert.tokenization.added_tokens import AddedToken
from skdistilbert.tokenization.encodings import Encoding, PaddedBatch, RaggedEncoding
from skdistilbert.tokenization.tokenizer import WordPieceTokenizer

__all__ = ["AddedToken", "Encoding", "PaddedBatch", "RaggedEncoding", "WordPieceTokenizer"]
