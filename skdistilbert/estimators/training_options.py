"""The options of the training, with "auto" replaced, and the texts that are held out."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from sklearn.model_selection import train_test_split

from skdistilbert.nn.training import POOLING_BACKWARD, Plan, constant, warm_up_and_decay
from skdistilbert.tasks.checks import check_max_length

if TYPE_CHECKING:
    import numpy as np
    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.estimators.loaded_encoders import PretrainedEncoder
    from skdistilbert.estimators.text_encoder import TextEncoder
    from skdistilbert.nn.pooling import Pooling

# What "auto" means if only the head is trained.
LEARNING_RATE_OF_HEAD, BATCH_SIZE_OF_HEAD, EPOCHS_OF_HEAD = 5e-3, 32, 100
# What "auto" means if layers are trained with the head. Wider encoders need a lower learning rate:
# 5e-5, the default of transformers, for a width of 768. With 2e-4 instead of 1e-4, the bundled
# model (192) gained 0.01 to 0.03 on held-out texts of TREC-6 and in the F1 of WNUT17.
LEARNING_RATE_TIMES_DIM, BATCH_SIZE_OF_LAYERS = 0.0384, 16
# Three epochs are too few for few texts: 500 texts of TREC-6 reached an accuracy of 0.930 in three
# epochs and of 0.960 in eight.
EPOCHS_OF_LAYERS, STEPS_OF_LAYERS, MAX_EPOCHS_OF_LAYERS = 3, 250, 30


class TrainingOptions(NamedTuple):
    """The parameters of an estimator that concern training, with "auto" replaced."""

    n_layers: int  # number of trained layers, counted from the top
    with_embeddings: bool
    pooling: Pooling | None  # None: the head reads each token
    max_length: int
    learning_rate: float
    alpha: float
    batch_size: int
    max_iter: int | Literal["auto"]
    tol: float
    validation_fraction: float | None  # None: no early stopping
    n_iter_no_change: int
    n_threads: int | None

    @classmethod
    def resolve(
        cls,
        estimator: Any,  # noqa: ANN401
        encoder: PretrainedEncoder,
        n_layers: int | None = None,
    ) -> TrainingOptions:
        """Return the options of an estimator for an encoder, or raise ValueError.

        `n_layers` replaces the parameter `trainable_layers`.
        """
        pooling = resolve_pooling(estimator.pooling, encoder)
        if n_layers is None:
            n_layers = count_trained_layers(estimator, encoder)
        if estimator.trainable_layers == "auto" and pooling not in POOLING_BACKWARD:
            n_layers = 0
        learning_rate, batch_size = resolve_pace(estimator, n_layers, encoder.model.config.dim)
        options = cls(
            n_layers,
            estimator.trainable_layers == "all",
            pooling,
            check_max_length(estimator.max_length, encoder.model.config, encoder.tokenizer),
            learning_rate,
            estimator.alpha,
            batch_size,
            estimator.max_iter,
            estimator.tol,
            estimator.validation_fraction if estimator.early_stopping else None,
            estimator.n_iter_no_change,
            estimator.n_threads,
        )
        options._check()
        return options

    def _check(self) -> None:
        if self.n_layers and self.pooling not in (None, *POOLING_BACKWARD):
            raise ValueError(
                f"pooling must be one of {', '.join(map(repr, POOLING_BACKWARD))} if layers are "
                f"trained; got {self.pooling!r}, which needs trainable_layers=0."
            )
        if self.alpha * self.learning_rate > 1:
            raise ValueError(
                f"alpha * learning_rate_init must be at most 1, as each step multiplies the "
                f"weights by 1 minus this product; got alpha={self.alpha!r} and "
                f"learning_rate_init={self.learning_rate!r}. Reduce one of them."
            )

    def n_epochs(self, n_texts: int) -> int:
        """Return the maximum number of epochs for a number of texts."""
        if self.max_iter != "auto":
            return int(self.max_iter)
        if self.n_layers == 0:
            return EPOCHS_OF_HEAD
        n_epochs = ceil(STEPS_OF_LAYERS / ceil(n_texts / self.batch_size))
        return min(max(EPOCHS_OF_LAYERS, n_epochs), MAX_EPOCHS_OF_LAYERS)

    def plan(self, n_epochs: int, *, decay: bool) -> Plan:
        """Return the plan of `skdistilbert.nn.training` for a number of epochs."""
        return Plan(
            n_epochs,
            self.batch_size,
            self.learning_rate,
            warm_up_and_decay if decay else constant,
            self.tol,
            self.n_iter_no_change,
        )


def count_trained_layers(estimator: Any, encoder: PretrainedEncoder | TextEncoder) -> int:  # noqa: ANN401
    """Return how many layers `trainable_layers` names, or raise ValueError."""
    stated, n_layers = estimator.trainable_layers, encoder.model.config.n_layers
    if stated == "auto":
        return ceil(n_layers / 2)
    if n_layers == 0 and stated != 0:
        raise ValueError(
            f"trainable_layers must be 0 for {estimator.model}, which has no layers; got "
            f"{stated!r}."
        )
    if stated != "all" and stated > n_layers:
        raise ValueError(
            f"trainable_layers must be at most {n_layers}, the number of layers of "
            f"{estimator.model}, or 'all' to train the embeddings as well; got {stated!r}."
        )
    return n_layers if stated == "all" else int(stated)


def resolve_pace(estimator: Any, n_layers: int, dim: int) -> tuple[float, int]:  # noqa: ANN401
    """Return the learning rate and the batch size for a number of layers and a width."""
    rate, batch_size = estimator.learning_rate_init, estimator.batch_size
    if rate == "auto":
        rate = LEARNING_RATE_TIMES_DIM / dim if n_layers else LEARNING_RATE_OF_HEAD
    if batch_size == "auto":
        batch_size = BATCH_SIZE_OF_LAYERS if n_layers else BATCH_SIZE_OF_HEAD
    return rate, batch_size


def resolve_pooling(
    pooling: Pooling | Literal["auto"] | None, encoder: PretrainedEncoder
) -> Pooling | None:
    """Return a pooling; "auto" is that of ``modules.json`` if it can be trained, else "mean"."""
    if pooling != "auto":
        return pooling
    modules = encoder.model.sentence_modules
    poolings = modules.poolings if modules else ()
    is_trainable = len(poolings) == 1 and poolings[0] in POOLING_BACKWARD
    return cast("Pooling", poolings[0]) if is_trainable else "mean"


def split_rows(
    rows: NDArray[np.intp],
    options: TrainingOptions,
    random_state: RandomState,
    stratify: NDArray[Any] | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
    """Return the rows for training and, with early stopping, the rows for validation."""
    if options.validation_fraction is None:
        return rows, None
    trained, held_out = train_test_split(
        rows,
        test_size=options.validation_fraction,
        random_state=random_state,
        stratify=stratify,
    )
    return trained, held_out
