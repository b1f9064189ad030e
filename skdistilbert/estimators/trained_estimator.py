"""Base class of the estimators with a trained head: fitting and writing checkpoints."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from skdistilbert.checkpoint import read_checkpoint
from skdistilbert.checkpoint.module_writing import sentence_module_files
from skdistilbert.estimators.embedder import DistilBertEmbedder
from skdistilbert.estimators.encoder_tuner import EncoderTuner, Training
from skdistilbert.estimators.fine_tuning import FineTuning
from skdistilbert.estimators.model_card import ModelCard, card_files, check_scores
from skdistilbert.exceptions import CheckpointError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import Checkpoint
    from skdistilbert.checkpoint.tensor_names import Head as HeadName
    from skdistilbert.estimators.fine_tuning import Score
    from skdistilbert.estimators.training_options import TrainingOptions
    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training import Examples, History
    from skdistilbert.nn.training.losses import Loss

    FloatArray = NDArray[np.float32]
    Rows = NDArray[np.intp]


class TrainedEstimator(EncoderTuner):
    """Base of the estimators with a trained head."""

    early_stopping: bool

    head_: Any
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    _fitted_attribute = "head_"

    # -- training

    def _start_training(
        self,
        options: TrainingOptions,
        loss: Loss,
        new_head: Callable[..., TrainableHead],
        random_state: RandomState,
    ) -> FineTuning:
        """Continue with the fitted head, or start with a new one."""
        config, fitted = self._encoder.model.config, hasattr(self, "head_")
        head = self.head_ if fitted else new_head(config=config, random_state=random_state)
        return FineTuning(self._encoder, head, loss, options, random_state)

    def _train(
        self,
        training: FineTuning,
        split: tuple[Rows, Rows | None],
        examples_of: Callable[[Rows], Examples],
        score: Score | None,
        data: dict[str, Any],
    ) -> None:
        """Train on the first rows of the split, validate on the others, and keep the result."""
        examples = examples_of(split[0])
        n_epochs = training.options.n_epochs(len(examples))
        validation = None if split[1] is None else examples_of(split[1])
        run = partial(training.run, examples, validation, score, n_epochs)
        self._run(training, n_epochs, run, data)

    def _results(self, training: Training) -> dict[str, Any]:
        return super()._results(training) | {"head_": training.head}

    def _record(self, history: History) -> dict[str, Any]:
        record = super()._record(history)
        scores = history.scores if self.early_stopping else None
        return record | {
            "validation_scores_": scores,
            "best_validation_score_": None if scores is None else max(scores, default=None),
            "best_loss_": None if self.early_stopping else record["best_loss_"],
        }

    # -- checkpoints

    @classmethod
    def _from_checkpoint(
        cls,
        path: str | os.PathLike[str],
        head: HeadName,
        **params: Any,  # noqa: ANN401
    ) -> tuple[Self, Checkpoint]:
        """Return an estimator with the encoder of a checkpoint, and the checkpoint."""
        estimator = cls(path, **params)
        estimator._validate()
        encoder, location = estimator._load_named()
        checkpoint = read_checkpoint(location.directory)
        if checkpoint.head != head:
            raise CheckpointError(
                f"{path} has no {head.replace('_', '-')} head (found: {checkpoint.head}). Train "
                f"one with {cls.__name__}(path).fit(...)."
            )
        estimator._set_encoder(encoder, location)
        return estimator, checkpoint

    def _task_model(self) -> DistilBertModel:
        """Return the fitted encoder with the trained head."""
        raise NotImplementedError

    def save_pretrained(
        self,
        directory: str | os.PathLike[str],
        *,
        scores: Mapping[str, float] | None = None,
    ) -> None:
        """Write a checkpoint of encoder and head for transformers and for `from_pretrained`.

        Parameters
        ----------
        directory : str or path-like
            Directory for ``config.json``, ``model.safetensors``, the files of the tokenizer and a
            model card, ``README.md``. If it is the directory of `model`, the estimator refers to
            the new files afterwards.
        scores : mapping of str to float, default=None
            Scores to state in the model card, such as ``{"accuracy": 0.93}``.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError, ValueError
            If `scores` is not valid, or the directory is not accepted.
        OSError
            If the directory cannot be written.

        Warns
        -----
        UserWarning
            If a head on texts reads another pooling than "cls", because transformers passes the
            state of [CLS] to the head. `from_pretrained` of this class restores the head exactly.
            If the labels are neither strings, numbers nor booleans. They are saved as strings.
            If the directory has a ``README.md`` that this package did not write, or that has been
            changed since. The file is kept.

        Notes
        -----
        The model card states the base model, the task, the labels, the number of texts in the last
        call of `fit`, the scores, the versions, and how to load the model with skdistilbert and
        transformers. For a local base model, the card states the name of the directory without
        its path.
        """
        check_is_fitted(self)
        checked_scores = check_scores(scores)
        model = self._task_model()
        card = ModelCard(
            model,
            self.model,
            self.revision_,
            self._n_texts,
            reads_pairs=getattr(self, "_reads_pairs", None) is True,
            scores=checked_scores,
        )
        files = self._tokenizer_files() | card_files(directory, card)
        model.save_with_files(directory, files)
        self._reload_if_saved_to(directory)

    def to_embedder(self, directory: str | os.PathLike[str]) -> DistilBertEmbedder:
        """Write the fitted encoder to a directory and return an embedder that reads it.

        The embedder can be cloned and pickled, and its features can be cached. The directory has
        ``modules.json``, so `embed`, a new `DistilBertEmbedder` and sentence-transformers use the
        same pooling and maximum length.

        Parameters
        ----------
        directory : str or path-like
            Directory for ``config.json``, ``model.safetensors``, the files of the tokenizer and
            the files of sentence-transformers.

        Returns
        -------
        DistilBertEmbedder
            It is not fitted, and has the pooling, the `max_length`, the `precision`, the
            `n_threads` and the parameters for long texts of this estimator.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        OSError, ValueError
            If the directory cannot be written or is not accepted.
        """
        check_is_fitted(self)
        options = self._embedding_options()
        pooling: Pooling = options["pooling"] or "mean"
        dim = self._loaded_encoder().model.config.dim
        self._write_encoder(directory, sentence_module_files(pooling, dim))
        return DistilBertEmbedder(
            directory, **options | {"pooling": pooling}, n_threads=self.n_threads
        )
