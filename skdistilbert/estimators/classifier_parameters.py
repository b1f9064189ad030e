"""The parameters of the classifier that have other values than in the other estimators."""

from __future__ import annotations

from numbers import Integral

from skdistilbert.estimators.parameters import ACCEPTED, Accepted
from skdistilbert.nn.pooling import POOLINGS

CLASSIFIER_PARAMETERS = """\
trainable_layers : int of at least 0, "all" or "auto"
    How many layers of the encoder are trained, counted from the top. "auto": train the upper half
    in two stages; train no layers if `pooling` does not allow training. 0: train only the head, by
    logistic regression on features that are computed once. Another number: train layers and head
    together, by AdamW. "all": train the embeddings, too. AdamW is also used with `early_stopping`
    or `warm_start`, for multi-label targets with "auto", and with 0 if `learning_rate_init`,
    `batch_size` or `max_iter` is not "auto". The frozen layers are computed once, without dropout.
pooling : {POOLINGS} or "auto"
    How the hidden states of a text's tokens become the features that the head reads; see
    `skdistilbert.embed`. Layers can be trained with "mean", "cls" and "max". "auto": the pooling
    in ``modules.json`` of a sentence-transformers directory if layers can be trained with it, and
    otherwise "mean". The head of transformers reads "cls"; see `save_pretrained`.
learning_rate_init : float above 0 or "auto"
    Highest learning rate, reached after a tenth of all steps. "auto": 0.08 divided by the width of
    the encoder in the first of two stages; 5e-3 if AdamW trains only the head; else 0.0384 divided
    by the width, which is 2e-4 for "mini" and 5e-5 for DistilBERT.
batch_size : int of at least 1 or "auto"
    Number of texts in a step of the optimiser. "auto": 64 in the first of two stages, 32 if AdamW
    trains only the head, else 16.
max_iter : int of at least 1 or "auto"
    Maximum number of epochs. The learning rate decays to 0 in the last epoch. "auto": 2 in the
    first of two stages, or as many as 40 steps need if that is more; 100 if AdamW trains only the
    head; else 3, or as many as 250 steps need if that is more, but at most 30.
"""
CLASSIFIER_ACCEPTED = ACCEPTED | {
    "trainable_layers": Accepted(Integral, low=0, options=("all", "auto")),
    "pooling": Accepted(options=(*POOLINGS, "auto")),
}
