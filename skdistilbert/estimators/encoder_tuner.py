"""Base class of the estimators that train an encoder: fitting, and writing the encoder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from skdistilbert.estimators.loaded_encoders import load_pretrained_encoder
from skdistilbert.estimators.sklearn_compat import CallbackSupportMixin, FitObserver
from skdistilbert.estimators.text_encoder import TextEncoder
from skdistilbert.estimators.text_estimator import TextEstimator
from skdistilbert.estimators.training_options import TrainingOptions
from skdistilbert.files import Location
from skdistilbert.files.sentence_config_file import SENTENCE_FILES
from skdistilbert.nn.training import History
from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tokenization.tokenizer_files import tokenizer_files

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from numpy.random import RandomState

    from skdistilbert.estimators.fine_tuning import FineTuning
    from skdistilbert.nn.training import Observer


class Training(Protocol):
    """An encoder and a head in training."""

    def tuned_encoder(self) -> TextEncoder:
        """Return the encoder with its current weights."""

    @property
    def pools_windows(self) -> bool:
        """Whether the head reads one vector for all windows of a text instead of each window."""

    @property
    def head(self) -> Any:  # noqa: ANN401
        """The head with its current weights."""


class EncoderTuner(CallbackSupportMixin, TextEstimator):  # type: ignore[misc]
    """Base of the estimators that train an encoder."""

    trainable_layers: int | Literal["all", "auto"]
    warm_start: bool
    random_state: int | RandomState | None

    n_iter_: int
    loss_curve_: list[float]
    best_loss_: float | None
    _n_texts: int | None = None  # of the last call of `fit`; None after partial_fit
    _fine_tuning: FineTuning | None = None  # kept between calls of partial_fit
    _fitted_attribute: ClassVar[str]  # exists if the estimator is fitted

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, self._fitted_attribute)

    # -- training

    def _begin_fit(self) -> TrainingOptions:
        """Load the encoder; replace the previous fit unless training continues from it."""
        self.__dict__.pop("_fine_tuning", None)
        if self.warm_start and self.__sklearn_is_fitted__():
            self._encoder.load(self._load_fitted(), self._model_name)
            return self._resolve_options(self._encoder)
        encoder, location = self._load_named()
        options = self._resolve_options(encoder)
        self.__dict__.pop(self._fitted_attribute, None)
        self._set_encoder(encoder, location)
        return options

    def _resolve_options(self, encoder: TextEncoder) -> TrainingOptions:
        """Return the options of the training, or raise ValueError."""
        return TrainingOptions.resolve(self, encoder.pretrained)

    def _run(
        self,
        training: Training,
        n_epochs: int,
        train: Callable[[Observer, History], None],
        data: dict[str, Any],
    ) -> None:
        """Call `train` with an observer and a history, and keep the result."""
        observer = FitObserver(self, n_epochs, partial(self._results, training), data)
        history = History()
        try:
            train(observer, history)
        except KeyboardInterrupt as error:
            # A search would score an incomplete fit if `fit` returned.
            if self.warm_start:
                self._keep(training, history, len(data["X"]))
            error.add_note(_interruption_note(history, kept=self.warm_start))
            raise
        self._keep(training, history, len(data["X"]))
        observer.end()

    def _keep(self, training: Training, history: History, n_texts: int | None = None) -> None:
        """Set the fitted attributes."""
        attributes = self._results(training) | self._record(history)
        attributes["_n_texts"] = n_texts
        self.__dict__.update(attributes)  # at once, as Ctrl-C may come at any time

    def _results(self, training: Training) -> dict[str, Any]:
        """Return the attributes with which the estimator predicts as if training ended now."""
        return {"_encoder": training.tuned_encoder()}

    def _record(self, history: History) -> dict[str, Any]:
        """Return the attributes that describe the training."""
        return {
            "loss_curve_": history.losses,
            "n_iter_": len(history.losses),
            "best_loss_": min(history.losses, default=None),
        }

    # -- checkpoints

    def _write_encoder(
        self, directory: str | os.PathLike[str], module_files: Mapping[str, bytes | None]
    ) -> None:
        """Write the fitted encoder with the files of sentence-transformers."""
        files = self._tokenizer_files() | dict(module_files)
        model = self._loaded_encoder().model
        model.save_with_files(directory, files | dict.fromkeys(SENTENCE_FILES))
        self._reload_if_saved_to(directory)

    def _tokenizer_files(self) -> dict[str, bytes | None]:
        """Return the files of the tokenizer, with the maximum length of this estimator."""
        encoder = self._loaded_encoder()
        config, tokenizer = encoder.model.config, encoder.tokenizer
        max_length = check_max_length(self.max_length, config, tokenizer)
        state = tokenizer.__getstate__() | {"model_max_length": max_length}
        return tokenizer_files(state, config.model_type)

    def _reload_if_saved_to(self, directory: str | os.PathLike[str]) -> None:
        """Use the saved files if they have replaced the files of the pretrained encoder."""
        replaced = self._encoder.pretrained.directory
        if not (replaced.is_dir() and replaced.samefile(directory)):
            return
        pretrained = load_pretrained_encoder(replaced)  # holds everything that was trained
        encoder = TextEncoder(pretrained, self._model_name)
        self._set_encoder(encoder, Location(replaced, self.revision_))
        if self._fine_tuning is not None:
            self._fine_tuning.encoder = encoder


def _interruption_note(history: History, *, kept: bool) -> str:
    weights = "best" if history.scores else "latest"
    state = (
        f"The estimator keeps the {weights} weights; call fit again to continue."
        if kept
        else "The estimator is not fitted. Set warm_start=True to keep the weights so far."
    )
    return f"Training was interrupted after {len(history.losses)} complete epochs. {state}"
