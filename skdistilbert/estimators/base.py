"""What both estimators share: a frozen pretrained encoder that gives features of texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator

from skdistilbert import __version__
from skdistilbert.checkpoint.mapped_file import is_overwritten
from skdistilbert.estimators.cache import EmbeddingCache, cached_features, embedding_cache_file
from skdistilbert.estimators.pretrained import PretrainedEncoder, load_pretrained_encoder
from skdistilbert.estimators.progress import showing_progress
from skdistilbert.estimators.versions import check_scikit_learn
from skdistilbert.exceptions import CheckpointError
from skdistilbert.files import locate_checkpoint
from skdistilbert.nn.runtime import resolve_n_threads
from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tasks.embedding_plan import check_pooling, plan_embedding, pool_texts
from skdistilbert.tasks.text_batches import SPLIT_TEXTS, USE_WINDOWS, warn_truncated
from skdistilbert.tasks.text_input import check_texts

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sklearn.utils import Tags

    from skdistilbert.files import Location
    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.tasks.text_input import Missing

check_scikit_learn()


class PretrainedTextEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators; loads the encoder when it is needed and never pickles it.

    A fitted estimator holds the checkpoint's path, or its name and commit on the hub, and the
    fingerprint of its weights.
    """

    model: str | os.PathLike[str]
    pooling: Pooling | None
    max_length: int | None
    missing: Missing
    n_threads: int | None
    revision: str | None
    cache_dir: str | os.PathLike[str] | None
    local_files_only: bool
    embedding_cache: bool | str | os.PathLike[str] | None = None
    verbose: bool | int = False
    fingerprint_: str
    revision_: str | None

    def _check_texts(self, X: object) -> list[str]:
        return check_texts(X, self.missing, allow_empty=False)

    def _load_encoder(self) -> PretrainedEncoder:
        encoder: PretrainedEncoder | None = self.__dict__.get("_encoder")
        if encoder is None or is_overwritten(encoder.model.mapped):
            location = self._locate()
            encoder = load_pretrained_encoder(location.directory)
            self._check_fingerprint(encoder)
            self._encoder, self.revision_ = encoder, location.commit
        return encoder

    def _locate(self) -> Location:
        """Find the checkpoint: at the commit it was fitted with, if it was."""
        commit = getattr(self, "revision_", None)
        if commit and Path(self.model).is_dir():  # they have moved from the hub to a directory
            commit = None
        try:
            return locate_checkpoint(
                self.model,
                revision=commit or self.revision,
                cache_dir=self.cache_dir,
                local_files_only=self.local_files_only,
            )
        except CheckpointError as error:
            if not hasattr(self, "fingerprint_"):
                raise
            raise CheckpointError(
                f"{error} This {type(self).__name__} is fitted, but holds no weights, only where "
                "they were; if they are elsewhere now, set_params(model=...) says where."
            ) from error

    def _check_fingerprint(self, encoder: PretrainedEncoder) -> None:
        fitted_on = getattr(self, "fingerprint_", encoder.fingerprint)
        if fitted_on != encoder.fingerprint:
            raise CheckpointError(
                f"{self.model}: these are not the weights that this {type(self).__name__} was "
                f"fitted with (fingerprint {encoder.fingerprint[:12]}, expected "
                f"{fitted_on[:12]}). Restore them, or fit again."
            )

    def _fit_encoder(self) -> PretrainedEncoder:
        """Load the encoder that the parameters name now, and check them against it."""
        self.__dict__.pop("_encoder", None)
        self.__dict__.pop("fingerprint_", None)
        self.__dict__.pop("revision_", None)
        check_pooling(self.pooling)
        resolve_n_threads(self.n_threads)
        embedding_cache_file(self.embedding_cache)
        encoder = self._load_encoder()
        check_max_length(self.max_length, encoder.model.config, encoder.tokenizer)
        self.fingerprint_ = encoder.fingerprint
        return encoder

    def _pooling(self) -> Pooling | None:
        """Give the mean where neither `pooling` nor ``modules.json`` says anything."""
        if self.pooling is None and self._load_encoder().model.sentence_modules is None:
            return "mean"
        return self.pooling

    def _embed_options(self) -> dict[str, Any]:
        """Arguments of `plan_embedding`, as this estimator has them."""
        return {"pooling": self._pooling(), "max_length": self.max_length}

    def _features(self, texts: list[str]) -> NDArray[np.float32]:
        """Pooled features of texts: (n_texts, n_features)."""
        return self._embed(
            self._load_encoder().model, texts, embedding_cache_file(self.embedding_cache)
        )

    def _embed(
        self, model: DistilBertModel, texts: list[str], cache_file: Path | None = None
    ) -> NDArray[np.float32]:
        """Features that a model gives; only those of the pretrained one may be kept in a file."""
        encoder = self._load_encoder()
        plan = plan_embedding(model, encoder.tokenizer, **self._embed_options())

        def encode(some: Sequence[str]) -> tuple[NDArray[np.float32], list[int]]:
            return pool_texts(model, encoder.tokenizer, some, plan, self.n_threads)

        if cache_file is None and not self.verbose:
            pooled, truncated = encode(texts)
        else:
            context = repr((__version__, encoder.fingerprint, plan.pooling_key)).encode()
            progress = showing_progress(len(texts), type(self).__name__, self.verbose)
            with EmbeddingCache(cache_file) as cache, progress as advance:
                pooled, truncated = cached_features(texts, encode, context, cache, advance)
        remedy = USE_WINDOWS if hasattr(self, "long_text") else SPLIT_TEXTS
        warn_truncated(truncated, len(texts), f"max_length={plan.max_length}", remedy=remedy)
        return self._check_finite(plan.after_pooling(pooled))

    def _check_finite(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give what was computed of the texts, a row each, if it could be computed."""
        # A row has NaN or infinity if its extremes have; nothing of the size of all rows is made.
        finite = np.isfinite([rows.min(axis=1), rows.max(axis=1)]).all(axis=0)
        if not finite.all():
            raise CheckpointError(
                f"{self.model}: gives NaN or infinity for the text in row {int(finite.argmin())}: "
                "its weights are too large to compute with in float32."
            )
        return rows

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__().copy()
        state.pop("_encoder", None)
        return state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = self.missing == "empty"
        return tags
