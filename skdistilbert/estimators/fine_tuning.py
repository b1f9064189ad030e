"""Training of a head and of the last layers of an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdistilbert.estimators.encoder_changes import changes_between
from skdistilbert.estimators.text_encoder import TextEncoder
from skdistilbert.nn.heads import HEAD_ACTIVATIONS, SequenceClassificationHead
from skdistilbert.nn.training import (
    DropoutRates,
    Examples,
    Network,
    Trainer,
    frozen_states,
    train,
)
from skdistilbert.nn.weights import Linear

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import RandomState
    from numpy.typing import NDArray

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators.training_options import TrainingOptions
    from skdistilbert.nn.heads import TrainableHead
    from skdistilbert.nn.packing import Ragged
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.training import History, Observer
    from skdistilbert.nn.training.losses import Loss

    FloatArray = NDArray[np.float32]
    Score = Callable[[FloatArray, Examples], float]


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
        Determines dropout and the order of texts.
    trainer : callable, default=Trainer
        A class of trainers, such as `ContrastiveTrainer` for losses that compare texts.
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
        rates = _dropout_rates(config, head)
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


def _dropout_rates(config: DistilBertConfig, head: TrainableHead) -> DropoutRates:
    """Return the rates with which transformers trains a model of this type."""
    is_bert = config.model_type == "bert"
    has_own_rate = is_bert or isinstance(head, SequenceClassificationHead)
    return DropoutRates(
        config.dropout,
        config.attention_dropout,
        head=config.seq_classif_dropout if has_own_rate else config.dropout,
        attention_output=config.dropout if is_bert else 0.0,
    )


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
