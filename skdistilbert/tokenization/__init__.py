"""Convert texts to token ids and back."""

from skdistilbert.tokenization.added_tokens import AddedToken
from skdistilbert.tokenization.encodings import Encoding, PaddedBatch
from skdistilbert.tokenization.ragged import RaggedEncoding, encode_ragged
from skdistilbert.tokenization.tokenizer import WordPieceTokenizer
from skdistilbert.tokenization.word_lists import encode_words

__all__ = [
    "AddedToken",
    "Encoding",
    "PaddedBatch",
    "RaggedEncoding",
    "WordPieceTokenizer",
    "encode_ragged",
    "encode_words",
]
