"""The encoder of one estimator: pretrained or fine-tuned, loaded when it is first needed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.checkpoint.mapped_file import is_overwritten
from skdistilbert.estimators.cache import EmbeddingCache, cached_features
from skdistilbert.estimators.encoder_changes import with_changes
from skdistilbert.estimators.progress import showing_progress
from skdistilbert.estimators.recent_features import features_key, recall, remember
from skdistilbert.estimators.shared_batch import encode_in_shared_batch
from skdistilbert.exceptions import NonFiniteError
from skdistilbert.tasks.embedding_plan import plan_embedding
from skdistilbert.tasks.text_batches import SPLIT_TEXTS, warn_truncated
from skdistilbert.tasks.text_pooling import pool_texts
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from skdistilbert.estimators.loaded_encoders import PretrainedEncoder
    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.weights import Array, Encoder
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tasks.pair_input import TextOrPair

    FloatArray = NDArray[np.float32]


class TextEncoder:
    """The encoder and the options with which an estimator turns texts into features.

    It is an attribute of a fitted estimator, but pickles do not contain it. Its contents may be
    loaded or planned in `predict`; the attributes of the estimator stay the same.

    Parameters
    ----------
    pretrained : PretrainedEncoder, default=None
        The encoder if it is loaded already.
    name : str, default=""
        The parameter `model` that names the pretrained encoder.
    changes : mapping of str to ndarray, default=None
        Weights that fine-tuning has changed; see `encoder_changes`.
    """

    def __init__(
        self,
        pretrained: PretrainedEncoder | None = None,
        name: str = "",
        changes: Mapping[str, Array] | None = None,
    ) -> None:
        self.changes = changes or {}
        if pretrained is not None:
            self.load(pretrained, name)

    def load(self, pretrained: PretrainedEncoder, name: str) -> None:
        """Set the pretrained encoder, to which the changes are applied when it is used."""
        self.__dict__.pop("model", None)
        self.__dict__.pop("encoder", None)
        self.task_model: Any = None  # encoder and head, for estimators that predict with it
        self._plan: tuple[str, EmbeddingPlan] | None = None
        self.tokenizer = pretrained.tokenizer
        self.pretrained = pretrained
        self.name = name  # last, as other threads may wait for it

    def is_loaded(self, name: str) -> bool:
        """Return whether the encoder was loaded by this name, and its files are unchanged."""
        return getattr(self, "name", None) == name and not is_overwritten(
            self.pretrained.model.mapped
        )

    @cached_property
    def model(self) -> DistilBertModel:
        """The pretrained encoder with the changes of fine-tuning."""
        return with_changes(self.pretrained.model, self.changes)

    @cached_property
    def encoder(self) -> Encoder:
        """The weights of `model`. Call `is_loaded` first to check their file."""
        return self.model.encoder

    def plan(self, options: dict[str, Any]) -> EmbeddingPlan:
        """Return the plan for options of `plan_embedding`; make a new one if they have changed."""
        key, planned = repr(options), self._plan
        if planned is None or planned[0] != key:
            plan = plan_embedding(self.model, self.tokenizer, **options)
            planned = self._plan = key, plan
        return planned[1]

    def features(
        self,
        texts: Sequence[TextOrPair],
        plan: EmbeddingPlan,
        n_threads: int | None,
        cache_file: Path | None = None,
        progress_title: str = "",
        *,
        remedy: str | None = SPLIT_TEXTS,
    ) -> FloatArray:
        """Return the features of texts, (n_texts, n_features).

        Only features of a pretrained encoder are read from and written to `cache_file`. Progress
        is shown if it has a title. Warnings name the remedy for truncated texts; with None there
        are no warnings.
        """
        if remedy is not None:
            warn_unknown(self.tokenizer, texts)
        if self.changes:
            cache_file = None

        def encode(some: Sequence[TextOrPair]) -> tuple[FloatArray, list[int]]:
            if not progress_title and cache_file is None:
                return pool_texts(self.encoder, self.tokenizer, some, plan, n_threads)
            with showing_progress(len(some), progress_title) as advance:
                return self._cached(some, plan, n_threads, cache_file, advance)

        pooled, truncated = encode_in_shared_batch(texts, (self, plan.pooling_key), encode)
        if remedy is not None:
            warn_truncated(truncated, texts, f"max_length={plan.max_length}", remedy=remedy)
        return plan.after_pooling(pooled)

    def _cached(
        self,
        texts: Sequence[TextOrPair],
        plan: EmbeddingPlan,
        n_threads: int | None,
        cache_file: Path | None,
        advance: Callable[[int], object],
    ) -> tuple[FloatArray, list[int]]:
        """Return pooled features and the rows of truncated texts."""

        def encode(some: Sequence[TextOrPair]) -> tuple[FloatArray, list[int]]:
            return pool_texts(self.encoder, self.tokenizer, some, plan, n_threads)

        context = repr((__version__, self.pretrained.fingerprint, plan.pooling_key)).encode()
        recalled = cache_file and recall(features_key(texts, context, cache_file))
        if recalled:
            advance(len(texts))
            return recalled
        with EmbeddingCache(cache_file) as cache:
            found = cached_features(texts, encode, context, cache, advance)
        if cache_file is not None:
            remember(features_key(texts, context, cache_file), *found)
        return found


def check_finite(rows: FloatArray, model: object) -> FloatArray:
    """Return results of texts, a row for each; raise NonFiniteError if one is not finite."""
    # A row has NaN or infinity if its extremes have; this needs no array of the size of all rows.
    finite = np.isfinite([rows.min(axis=1), rows.max(axis=1)]).all(axis=0)
    if not finite.all():
        raise NonFiniteError(
            f"{model} returned NaN or infinity for the text in row {int(finite.argmin())}: its "
            "weights are too large for float32. Use another checkpoint."
        )
    return rows
