"""Cache features of texts in a file that estimators, processes and runs share."""

from skdistilbert.estimators.cache.embedding_cache import EmbeddingCache, embedding_cache_file
from skdistilbert.estimators.cache.features import cached_features, read_through

__all__ = ["EmbeddingCache", "cached_features", "embedding_cache_file", "read_through"]
