"""Training of a head and of the last layers of an encoder."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np
from sklearn.model_selection import train_test_split

from skdistilbert.estimators.encoder_changes import changes_between
from skdistilbert.estimators.text_encoder import TextEncoder
from skdistilbert.nn.heads import HEAD_ACTIVATIONS, SequenceClassificationHead
from skdistilbert.nn.training import (
    POOLING_BACKWARD,
    DropoutRates,
    Examples,
    Network,
    Plan,
    Trainer,
    constant,
    frozen_states,
    train,
    warm_up_and_decay,
)
from skdistilbert.nn.weights import Linear
from skdistilbert.tasks.checks import check_max_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators.loaded_encoders import PretrainedEncoder
    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.packing import Ragged
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training import History, Observer
    from skdistilbert.nn.training.losses import Loss

    FloatArray = NDArray[np.float32]
    Score = Callable[[FloatArray, Examples], float]

# What "auto" means if only the head is trained, and if layers are trained with it.
AUTO = {"learning_rate_init": (5e-3, 1e-4), "batch_size": (32, 16)}
EPOCHS_OF_HEAD = 100
# Three epochs are too few for few texts: 500 texts of TREC-6 reached an accuracy of 0.930 in three
# epochs and of 0.960 in eight.
EPOCHS_OF_LAYERS, STEPS_OF_LAYERS, MAX_EPOCHS_OF_LAYERS = 3, 250, 30


class TrainingOptions(NamedTuple):
    """The parameters of an estimator that concern training, with "auto" replaced."""

    n_layers: int  # trained ones, counted from the top
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
        config = encoder.model.config
        pooling = resolve_pooling(estimator.pooling, encoder)
        if n_layers is None:
            n_layers = count_trained_layers(estimator, encoder)
        if estimator.trainable_layers == "auto" and pooling not in POOLING_BACKWARD:
            n_layers = 0

        def resolved(name: str) -> Any:  # noqa: ANN401
            value = getattr(estimator, name)
            return AUTO[name][n_layers > 0] if value == "auto" else value

        options = cls(
            n_layers,
            estimator.trainable_layers == "all",
            pooling,
            check_max_length(estimator.max_length, config, encoder.tokenizer),
            resolved("learning_rate_init"),
            estimator.alpha,
            resolved("batch_size"),
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


def resolve_pooling(
    pooling: Pooling | Literal["auto"] | None, encoder: PretrainedEncoder
) -> Pooling | None:
    """Return a pooling; "auto" is that of ``modules.json`` if layers can be trained with it."""
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
    """Return the rows to train on and, with early stopping, those to validate on."""
    if options.validation_fraction is None:
        return rows, None
    trained, held_out = train_test_split(
        rows,
        test_size=options.validation_fraction,
        random_state=random_state,
        stratify=stratify,
    )
    return trained, held_out


class FineTuning:
    """A head in training, with or without the last layers of an encoder.

    Parameters
    ----------
    encoder : TextEncoder
        The encoder, whose weights are copied.
    head : record of weights
        The head, whose weights are copied.
    loss : callable
        One of the losses of `skdistilbert.nn.training`.
    options : TrainingOptions
    random_state : RandomState
        Determines dropout, the held-out texts and the order of texts.
    trainer : callable, default=Trainer
        A class of trainers: `ContrastiveTrainer` for losses that compare texts.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        head: TrainableHead,
        loss: Loss,
        options: TrainingOptions,
        random_state: RandomState,
        trainer: Callable[..., Trainer] = Trainer,
    ) -> None:
        self.encoder, self.options, self._random_state = encoder, options, random_state
        weights, config = encoder.model.encoder, encoder.model.config
        self._n_frozen = config.n_layers - options.n_layers
        network = Network(
            weights.embeddings if options.with_embeddings else None,
            weights.layers[self._n_frozen :],
            head,
            weights.n_heads,
            weights.activation,
            options.pooling if options.n_layers else None,
        )
        has_own_rate = config.model_type == "bert" or isinstance(head, SequenceClassificationHead)
        head_dropout = config.seq_classif_dropout if has_own_rate else config.dropout
        rates = DropoutRates(config.dropout, config.attention_dropout, head_dropout)
        seed = int(random_state.randint(np.iinfo(np.int32).max))
        self.trainer = trainer(network, loss, rates, seed, options.alpha, options.n_threads)

    def set_pace(self, options: TrainingOptions) -> None:
        """Take the learning rate and the batch size from other options."""
        self.options = self.options._replace(
            learning_rate=options.learning_rate, batch_size=options.batch_size
        )

    @property
    def network(self) -> Network:
        """The head and layers with their current weights."""
        self.trainer.optimizer.finish()
        return self.trainer.network

    @property
    def head(self) -> Any:  # noqa: ANN401 - the class of the head that was given
        """The head with its current weights."""
        return self.network.head

    @property
    def pools_windows(self) -> bool:
        """Whether the head reads the features of whole texts, which are computed once."""
        return not self.options.n_layers

    def tuned_encoder(self) -> TextEncoder:
        """Return the encoder with the current weights of the trained layers."""
        if not self.options.n_layers:
            return self.encoder
        pretrained = self.encoder.pretrained
        before = pretrained.model.encoder
        changes = changes_between(before, self.network, self.encoder.changes)
        return TextEncoder(pretrained, self.encoder.name, changes)

    def token_examples(
        self, texts: Ragged, targets: NDArray[Any], weights: FloatArray, *, by_token: bool = True
    ) -> Examples:
        """Compute the frozen layers of token ids, and return the results with the targets."""
        states = None
        if not self.options.with_embeddings:
            weights_of_encoder = self.encoder.model.encoder
            states = frozen_states(
                weights_of_encoder, texts, self._n_frozen, self.options.n_threads
            )
        return Examples(texts, states, targets, weights, by_token)

    def run(
        self,
        examples: Examples,
        validation: Examples | None,
        score: Score | None,
        n_epochs: int,
        observer: Observer,
        history: History,
    ) -> None:
        """Train with a decaying learning rate, and with early stopping if there is validation.

        The epochs are added to `history`.
        """

        def validate() -> float:
            assert validation is not None
            assert score is not None
            return score(self.trainer.logits(validation), validation)

        plan = self.options.plan(n_epochs, decay=True)
        scoring = None if validation is None else validate
        train(self.trainer, examples, plan, self._random_state, scoring, observer, history)

    def run_epoch(self, examples: Examples) -> History:
        """Train for one epoch at a constant learning rate."""
        plan = self.options.plan(1, decay=False)
        return train(self.trainer, examples, plan, self._random_state)


def new_sequence_head(
    config: DistilBertConfig, pooling: Pooling | None, n_outputs: int, random_state: RandomState
) -> SequenceClassificationHead:
    """Return a head on pooled texts with random weights.

    A head on the state of [CLS] has the layers of transformers' head, so that transformers can
    load it.
    """
    first = new_linear(config.dim, config.dim, random_state)
    output = new_linear(n_outputs, config.dim, random_state)
    model_type = config.model_type if pooling == "cls" else "distilbert"
    return SequenceClassificationHead(first, output, HEAD_ACTIVATIONS[model_type])


def new_linear(n_out: int, n_in: int, random_state: RandomState) -> Linear:
    """Return a layer with random weights (Glorot & Bengio, 2010), as scikit-learn's perceptron.

    The fixed range of transformers suits only one width.
    """
    weight = random_state.normal(scale=np.sqrt(2 / (n_in + n_out)), size=(n_out, n_in))
    return Linear(weight.astype(np.float32), np.zeros(n_out, np.float32))
