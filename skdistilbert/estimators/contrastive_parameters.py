"""The parameters of the contrastive embedder that have other values than in other estimators."""

from __future__ import annotations

from numbers import Integral
from types import NoneType

from skdistilbert.estimators.contrastive_training import LOSSES
from skdistilbert.estimators.parameters import ACCEPTED, Accepted
from skdistilbert.nn.training import POOLING_BACKWARD

CONTRASTIVE_PARAMETERS = """\
trainable_layers : int of at least 1, "all" or "auto"
    How many layers of the encoder are trained, counted from the top. "auto" trains the upper half,
    which takes half of the time and preserves more of the pretraining. "all" trains every layer
    and the embeddings. The frozen layers are computed once, without dropout.
pooling : {"cls", "mean", "max"} or None
    How the hidden states of a text's tokens become one vector; see `skdistilbert.embed`. None: use
    ``modules.json`` of a sentence-transformers directory with all its modules; without this file,
    "mean". The weights of these modules are not trained.
loss : {"auto", "cosine", "supervised"}
    "cosine" compares all pairs of texts equally. "supervised" is the supervised contrastive loss,
    which stresses the classes that are most similar and changes the encoder less. "auto" selects
    "supervised" if pretrained features separate the classes well, and otherwise "cosine". Pairs of
    texts need "auto", because their loss depends on `y`.
learning_rate_init : float above 0 or "auto"
    Highest learning rate, reached after a tenth of all steps. "auto": 0.08 divided by the width of
    the encoder.
batch_size : int of at least 4 or "auto"
    Number of texts, or pairs of texts, that are compared in a step of the optimiser. Memory and
    time grow with the number of texts rather than with the number of comparisons. "auto": 64.
max_iter : int of at least 1 or "auto"
    Number of epochs. The learning rate decays to 0 in the last epoch. "auto": 2, or as many as 40
    steps need if that is more.
warm_start : bool
    Continue from the weights of the previous `fit`. If Ctrl-C interrupts `fit`, the estimator
    keeps the weights so far, and the next `fit` continues from them. With False an interrupted
    estimator is not fitted. In both cases KeyboardInterrupt is raised.
random_state : int, RandomState or None
    Determines the batches and dropout. The result does not depend on the number of threads.
"""
CONTRASTIVE_ACCEPTED = ACCEPTED | {
    "trainable_layers": Accepted(Integral, low=1, options=("all", "auto")),
    "pooling": Accepted(NoneType, options=tuple(POOLING_BACKWARD)),
    "loss": Accepted(options=("auto", *LOSSES)),
    "batch_size": Accepted(Integral, low=4, options=("auto",)),
}
