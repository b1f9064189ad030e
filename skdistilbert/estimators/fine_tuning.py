"""What the estimators share that train: the head alone, or layers of the encoder with it."""

from __future__ import annotations

import warnings
from math import ceil
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

from skdistilbert.estimators.callbacks import CallbackSupportMixin, FitObserver
from skdistilbert.estimators.encoder_changes import EncoderChanges
from skdistilbert.estimators.tuned import TunedEstimator
from skdistilbert.nn.heads import SequenceClassificationHead
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.nn.tape import DropoutRates
from skdistilbert.nn.training import POOLING_BACKWARD
from skdistilbert.nn.training.examples import Examples
from skdistilbert.nn.training.frozen import frozen_states
from skdistilbert.nn.training.loop import History, Plan, constant, train, warm_up_and_decay
from skdistilbert.nn.training.network import Network
from skdistilbert.nn.training.trainer import Trainer
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tasks.text_batches import encode_with_warning

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.training.losses import Loss

    FloatArray = NDArray[np.float32]

# What "auto" stands for: of a head on frozen features, and of a fine-tuned encoder.
AUTO = {"learning_rate_init": (5e-3, 1e-4), "batch_size": (32, 16)}
EPOCHS_OF_HEAD = 100
# Of few texts three epochs are too few: 500 of TREC-6 gave 0.930 in three, and 0.960 in eight.
EPOCHS_OF_LAYERS, STEPS_OF_LAYERS, MAX_EPOCHS_OF_LAYERS = 3, 250, 30


class FineTunedEstimator(CallbackSupportMixin, TunedEstimator):  # type: ignore[misc]
    """Base of the estimators that train with AdamW; see `DistilBertClassifier` for parameters."""

    trainable_layers: int | Literal["all"]
    learning_rate_init: float | Literal["auto"]
    alpha: float
    batch_size: int | Literal["auto"]
    max_iter: int | Literal["auto"]
    tol: float
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    warm_start: bool
    random_state: int | RandomState | None
    verbose: bool | int

    n_iter_: int
    loss_curve_: list[float]
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "trainable_layers": [Interval(Integral, 0, None, closed="left"), StrOptions({"all"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _auto(self, name: str) -> Any:  # noqa: ANN401
        """Give a parameter, or what "auto" stands for."""
        value = getattr(self, name)
        return AUTO[name][self.trainable_layers != 0] if value == "auto" else value

    def _n_epochs(self, n_texts: int) -> int:
        """Give `max_iter`, or what "auto" stands for."""
        if self.max_iter != "auto":
            return int(self.max_iter)
        if self.trainable_layers == 0:
            return EPOCHS_OF_HEAD
        batch_size: int = self._auto("batch_size")
        n_epochs = ceil(STEPS_OF_LAYERS / ceil(n_texts / batch_size))
        return min(max(EPOCHS_OF_LAYERS, n_epochs), MAX_EPOCHS_OF_LAYERS)

    def _begin_fit(self) -> None:
        """Check the parameters, load the encoder they name, and forget what is not to stay."""
        self._validate_params()
        self.__dict__.pop("_trainer", None)
        if self.pooling is None and "pooling" in self.get_params():
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got None.")
        if self.warm_start and hasattr(self, "head_"):
            # The model that is named now must be the one of before.
            self.__dict__.pop("_encoder", None)
        else:
            for name in ("head_", "_changes", "_tuned_model"):
                self.__dict__.pop(name, None)
            self._fit_encoder()
        n_layers = self._load_encoder().model.config.n_layers
        if self.trainable_layers != "all" and self.trainable_layers > n_layers:
            raise ValueError(
                f"trainable_layers must be at most {n_layers}, the layers of {self.model}, or "
                f"'all' for the embeddings, too; got {self.trainable_layers}."
            )

    # -- the network

    def _n_trained(self) -> int:
        n_layers = self._load_encoder().model.config.n_layers
        return n_layers if self.trainable_layers == "all" else int(self.trainable_layers)

    def _network(self, head: TrainableHead) -> Network:
        encoder = self._model().encoder
        first = len(encoder.layers) - self._n_trained()
        pooling = self.pooling if self._n_trained() else None
        if pooling is not None and pooling not in POOLING_BACKWARD:
            raise ValueError(
                f"Layers can be trained with pooling {', '.join(POOLING_BACKWARD)}; got "
                f"{pooling!r}, which needs trainable_layers=0."
            )
        return Network(
            encoder.embeddings if self.trainable_layers == "all" else None,
            encoder.layers[first:],
            head,
            encoder.n_heads,
            encoder.activation,
            pooling,
        )

    def _new_head(self, rng: RandomState) -> TrainableHead:
        raise NotImplementedError

    def _dropout_rates(self, config: DistilBertConfig) -> DropoutRates:
        return DropoutRates(config.dropout, config.attention_dropout, config.seq_classif_dropout)

    def _new_trainer(self, loss: Loss) -> Trainer:
        rng = self._rng = check_random_state(self.random_state)
        head: TrainableHead = self.head_ if hasattr(self, "head_") else self._new_head(rng)
        config = self._load_encoder().model.config
        seed = int(rng.randint(np.iinfo(np.int32).max))
        rates = self._dropout_rates(config)
        return Trainer(self._network(head), loss, rates, seed, self.alpha, self.n_threads)

    def _examples(self, texts: list[str], targets: NDArray[Any], weights: FloatArray) -> Examples:
        """Give the texts as the trainable part reads them; what is frozen is computed now."""
        if self._n_trained() == 0:
            return Examples(None, self._features(texts), targets, weights)
        encoder = self._load_encoder()
        max_length = check_max_length(self.max_length, encoder.model.config, encoder.tokenizer)
        pieces = encode_with_warning(encoder.tokenizer, texts, max_length)
        return self._packed_examples(
            Ragged.from_lists([ids for _, piece in pieces for ids in piece]), targets, weights
        )

    def _examples_of(
        self,
        texts: list[str],
        targets: NDArray[Any],
        weights: FloatArray,
        rows: NDArray[np.intp],
    ) -> Examples:
        """Give some of the texts, with their columns of the targets (..., n_texts)."""
        of_rows = [texts[row] for row in rows]
        return self._examples(of_rows, targets[..., rows], weights[rows])

    def _packed_examples(
        self, texts: Ragged, targets: NDArray[Any], weights: FloatArray, *, by_token: bool = False
    ) -> Examples:
        states = None
        if self.trainable_layers != "all":
            encoder = self._model().encoder
            n_frozen = len(encoder.layers) - self._n_trained()
            states = frozen_states(encoder, texts, n_frozen, self.n_threads)
        return Examples(texts, states, targets, weights, by_token)

    # -- training

    def _held_out(self, rows: NDArray[np.intp], stratify: NDArray[Any] | None) -> tuple[Any, Any]:
        """Split rows into those to learn from and those to validate on, if any."""
        if not self.early_stopping:
            return rows, None
        learnt, held_out = train_test_split(
            rows, test_size=self.validation_fraction, random_state=self._rng, stratify=stratify
        )
        return learnt, held_out

    def _plan(self, max_iter: int, *, decay: bool = True) -> Plan:
        return Plan(
            max_iter,
            self._auto("batch_size"),
            self._auto("learning_rate_init"),
            warm_up_and_decay if decay else constant,
            self.tol,
            self.n_iter_no_change,
        )

    def _run(
        self,
        trainer: Trainer,
        examples_of: Callable[[Any], Examples],
        split: tuple[Any, Any],
        score: Callable[[FloatArray, Examples], float],
        **data: Any,  # noqa: ANN401
    ) -> None:
        """Train on the first rows of the split, validate on the second, and keep the result."""
        learnt, held_out = split
        plan = self._plan(self._n_epochs(len(learnt)))
        observer = FitObserver(self, plan.max_iter, lambda: self._fitted_attributes(trainer), data)
        examples = examples_of(learnt)
        validation = None if held_out is None else examples_of(held_out)

        def validate() -> float:
            assert validation is not None
            return score(trainer.logits(validation), validation)

        history = train(
            trainer, examples, plan, self._rng, None if validation is None else validate, observer
        )
        self._keep(trainer, history)
        observer.end()

    def _learn_once(self, trainer: Trainer, examples: Examples) -> None:
        """Train for one epoch at a constant rate, and add to what was recorded."""
        history = train(trainer, examples, self._plan(1, decay=False), self._rng)
        history.losses[:0] = getattr(self, "loss_curve_", [])
        self._keep(trainer, history)

    def _keep(self, trainer: Trainer, history: History) -> None:
        for name, value in self._fitted_attributes(trainer).items():
            setattr(self, name, value)
        self.loss_curve_, self.n_iter_ = history.losses, len(history.losses)
        scores = self.validation_scores_ = history.scores if self.early_stopping else None
        self.best_validation_score_ = max(scores, default=None) if scores is not None else None
        self.best_loss_ = None if self.early_stopping else min(history.losses, default=None)
        if history.interrupted:
            kept = "the best" if scores else "those reached"
            warnings.warn(
                f"Training was interrupted after {self.n_iter_} whole epochs; the weights kept "
                f"are {kept} so far.",
                stacklevel=2,
            )

    def _fitted_attributes(self, trainer: Trainer) -> dict[str, Any]:
        """Give what makes the estimator predict with the weights of now."""
        trainer.optimizer.finish()
        pretrained = self._load_encoder().model.encoder
        earlier = getattr(self, "_changes", None)
        changes = EncoderChanges.between(pretrained, trainer.network, earlier)
        return {"head_": trainer.network.head, "_changes": changes, "_tuned_model": None}


def check_weights(sample_weight: ArrayLike | None, n_texts: int) -> NDArray[np.float64]:
    """Give the weights of texts, (n_texts,), 1 where none are given, or raise."""
    weights: NDArray[np.float64] = _check_sample_weight(
        sample_weight, np.empty((n_texts, 1)), dtype=np.float64, ensure_non_negative=True
    )
    return weights


def rows_of_weight(weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """Give the rows whose weight is not 0, or raise if there are none."""
    rows = np.flatnonzero(weights)
    if not len(rows):
        raise ValueError("At least one sample_weight must be above 0.")
    return rows


def of_mean_one(weights: NDArray[np.float64], rows: NDArray[np.intp]) -> FloatArray:
    """Scale weights to a mean of 1 over some rows."""
    return np.asarray(weights / weights[rows].mean(), np.float32)


def new_sequence_head(dim: int, n_outputs: int, rng: RandomState) -> SequenceClassificationHead:
    """Draw a new head on pooled texts."""
    return SequenceClassificationHead(new_linear(dim, dim, rng), new_linear(n_outputs, dim, rng))


def new_linear(n_out: int, n_in: int, rng: RandomState) -> Linear:
    """Draw a new layer of a head (Glorot & Bengio, 2010), as scikit-learn's perceptron does.

    transformers draws from a fixed range, which suits one width only.
    """
    weight = rng.normal(scale=np.sqrt(2 / (n_in + n_out)), size=(n_out, n_in))
    return Linear(weight.astype(np.float32), np.zeros(n_out, np.float32))
