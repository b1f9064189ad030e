"""Training: the network's derivative, the optimiser, and the loop around them.

Each forward function in `skdistilbert.nn` pushes on the tape what its `..._backward` here pops.
The gradient of a record of weights is a record of the same structure. `d_x` is the derivative of
the loss with respect to `x`.
"""

from skdistilbert.nn.tape import DropoutRates
from skdistilbert.nn.training.class_batches import class_batches
from skdistilbert.nn.training.contrastive import (
    ContrastiveTrainer,
    WindowTrainer,
    cosine_loss,
    share_a_label,
    supervised_contrastive_loss,
)
from skdistilbert.nn.training.dense_backward import (
    dense_backward,
    normalize_features_backward,
    unit_length_backward,
)
from skdistilbert.nn.training.examples import Examples
from skdistilbert.nn.training.frozen import empty_array, frozen_states
from skdistilbert.nn.training.linear_head import LinearProblem, choose_strength, fit_linear_head
from skdistilbert.nn.training.loop import (
    History,
    Observer,
    Plan,
    constant,
    train,
    warm_up_and_decay,
)
from skdistilbert.nn.training.losses import binary_cross_entropy, cross_entropy, squared_error
from skdistilbert.nn.training.network import Inputs, Network, forward, input_gradient
from skdistilbert.nn.training.pair_losses import (
    PairTrainer,
    compare_pairs,
    in_batch_negatives,
    similarity_error,
)
from skdistilbert.nn.training.pooling_backward import POOLING_BACKWARD
from skdistilbert.nn.training.trainer import Trainer

__all__ = [
    "POOLING_BACKWARD",
    "ContrastiveTrainer",
    "DropoutRates",
    "Examples",
    "History",
    "Inputs",
    "LinearProblem",
    "Network",
    "Observer",
    "PairTrainer",
    "Plan",
    "Trainer",
    "WindowTrainer",
    "binary_cross_entropy",
    "choose_strength",
    "class_batches",
    "compare_pairs",
    "constant",
    "cosine_loss",
    "cross_entropy",
    "dense_backward",
    "empty_array",
    "fit_linear_head",
    "forward",
    "frozen_states",
    "in_batch_negatives",
    "input_gradient",
    "normalize_features_backward",
    "share_a_label",
    "similarity_error",
    "squared_error",
    "supervised_contrastive_loss",
    "train",
    "unit_length_backward",
    "warm_up_and_decay",
]
