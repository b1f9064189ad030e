"""Estimators whose encoder may have been fine-tuned: what they compute, and how they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.checkpoint.mapped_file import is_overwritten
from skdistilbert.estimators.base import PretrainedTextEstimator
from skdistilbert.estimators.embedder import DistilBertEmbedder
from skdistilbert.exceptions import CheckpointError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from skdistilbert.checkpoint import Checkpoint
    from skdistilbert.checkpoint.tensor_names import Head as HeadName
    from skdistilbert.estimators.encoder_changes import EncoderChanges
    from skdistilbert.models import DistilBertModel

    FloatArray = NDArray[np.float32]


class TunedEstimator(PretrainedTextEstimator):
    """Base of the estimators with a trained head and, maybe, a changed encoder."""

    head_: Any
    _changes: EncoderChanges | None
    _tuned_model: DistilBertModel | None

    def _dim(self) -> int:
        return int(self._load_encoder().model.config.dim)

    def _model(self) -> DistilBertModel:
        """Give the encoder as it is now: pretrained, or fine-tuned."""
        pretrained = self._load_encoder().model
        changes: EncoderChanges | None = getattr(self, "_changes", None)
        if changes is None:
            return pretrained
        tuned = getattr(self, "_tuned_model", None)
        if tuned is None or is_overwritten(tuned.mapped):
            self._tuned_model = changes.applied_to(pretrained)
        assert self._tuned_model is not None
        return self._tuned_model

    def _features(self, texts: list[str]) -> FloatArray:
        """Pooled features of texts: (n_texts, dim)."""
        model = self._model()
        if model is self._load_encoder().model:
            return super()._features(texts)
        return self._embed(model, texts)

    def _logits(self, X: object) -> FloatArray:
        """Logits of texts: (n_texts, n_outputs)."""
        check_is_fitted(self)
        features = self._features(self._check_texts(X))
        # In float32 a text's logits would change with the number and order of texts beside it.
        columns = np.ascontiguousarray(features.T, np.float64)
        with np.errstate(over="ignore"):
            logits: FloatArray = self.head_.logits(columns).T.astype(np.float32)
        return self._check_finite(logits)

    def _task_model(self) -> DistilBertModel:
        """Give the encoder as it is now with the trained head."""
        raise NotImplementedError

    def save_pretrained(self, directory: str | os.PathLike[str]) -> None:
        """Write a checkpoint of encoder and head, for transformers and for `from_pretrained`.

        Parameters
        ----------
        directory : str or path-like
            Gets ``config.json``, ``model.safetensors`` and the tokenizer's files, all at once.
            Labels are written as strings.

        Raises
        ------
        NotFittedError
            If there is nothing to write yet.
        ValueError
            If a head on texts was trained with another pooling than "cls", which transformers'
            head reads.
        OSError
            If the directory can't be written.
        """
        check_is_fitted(self)
        self._task_model().save_pretrained(directory, self._load_encoder().tokenizer)

    @classmethod
    def _read_pretrained(
        cls,
        path: str | os.PathLike[str],
        head: HeadName,
        **params: Any,  # noqa: ANN401
    ) -> tuple[Self, Checkpoint]:
        """Give an estimator without a head of its own yet, and the checkpoint that has one."""
        estimator = cls(path, **params)
        checkpoint = read_checkpoint(estimator._locate().directory)
        if checkpoint.head != head:
            raise CheckpointError(
                f"{path}: has no {head.replace('_', '-')} head (found: {checkpoint.head}); "
                f"train one with {cls.__name__}(path).fit(...)."
            )
        estimator._fit_encoder()
        return estimator, checkpoint

    def to_embedder(self, directory: str | os.PathLike[str]) -> DistilBertEmbedder:
        """Write the encoder as it is now to a directory, and give an embedder that reads it.

        So the embedder can be cloned and pickled, and its features cached, as any other.

        Parameters
        ----------
        directory : str or path-like
            Gets ``config.json``, ``model.safetensors`` and the tokenizer's files.

        Returns
        -------
        DistilBertEmbedder
            Not fitted; with the pooling, `max_length` and `n_threads` of this estimator.

        Raises
        ------
        NotFittedError
            If there is nothing to write yet.
        OSError
            If the directory can't be written.
        """
        check_is_fitted(self)
        self._model().save_pretrained(directory, self._load_encoder().tokenizer)
        return DistilBertEmbedder(
            directory,
            pooling=self.pooling or "mean",
            max_length=self.max_length,
            n_threads=self.n_threads,
        )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        for name in ("_trainer", "_tuned_model", "_rng"):
            state.pop(name, None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "head_")
