"""The parameters of the estimators: accepted values and documentation, each in one place."""

from __future__ import annotations

import inspect
import math
import os
import re
from numbers import Integral, Real
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.random import RandomState

from skdistilbert.estimators.sklearn_compat import InvalidParameterError
from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.nn.runtime import PRECISIONS
from skdistilbert.number_checks import is_finite_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sklearn.base import BaseEstimator

    Class = TypeVar("Class", bound=type)

# In the format of numpydoc; `documented` adds the defaults.
PARAMETERS = """\
model : str or path-like
    "mini" is the small encoder that comes with this package. It needs no download; larger
    encoders are more accurate. Any other value is the directory of a Hugging Face checkpoint
    (``config.json``, ``vocab.txt`` and ``model.safetensors``, with ``model_type`` ``distilbert``
    or ``bert``) or the name of a checkpoint on the Hugging Face hub, such as
    "distilbert/distilbert-base-uncased" or "owner/name@revision". A task head is ignored.
trainable_layers : int of at least 0 or "all"
    How many layers of the encoder are trained, counted from the top. 0 trains only the head, on
    features that are computed once. "all" trains every layer and the embeddings, as transformers
    does. With some hundred texts or more, "all" is the most accurate value and the slowest. The
    frozen layers are computed once, without dropout.
pooling : {POOLINGS}
    How the hidden states of a text's tokens become the features that the head reads; see
    `skdistilbert.embed`. Layers can be trained with "mean", "cls" and "max". The head of
    transformers reads "cls"; see `save_pretrained`.
max_length : int of at least 2 or None
    Truncate texts to this many tokens, with a warning. None: the ``max_position_embeddings`` of
    the model, or the ``model_max_length`` of its tokenizer if this is less.
missing : {"error", "empty"}
    What to do with None, NaN and pandas.NA: raise an error that names the rows, or read them as
    empty texts.
prompt : str or None
    Text to put before every text. If ``modules.json`` is used, None means the default prompt of
    the directory and "" means no prompt; see `skdistilbert.embed`.
prompt_name : str or None
    Name of a prompt in ``config_sentence_transformers.json``, such as "query".
layer : int, list of int or None
    The hidden states to pool: 0 is the embeddings, 1 the first layer, and -1 or None the last.
    The states of several layers are averaged. Layers above the highest one are not computed.
long_text : {"truncate", "window"}
    Truncate texts of more than `max_length` tokens, or read them completely in overlapping
    windows and pool each token once; see `skdistilbert.embed`.
stride : int of at least 0 or None
    Number of tokens by which neighbouring windows overlap with ``long_text="window"``. None: a
    quarter of the tokens that fit into a window.
normalize : bool
    Scale each vector to unit length, so that dot products are cosines.
learning_rate_init : float above 0 or "auto"
    Highest learning rate, reached after a tenth of all steps. "auto": 5e-3 if only the head is
    trained; else 0.0384 divided by the width of the encoder, which is 2e-4 for "mini" and 5e-5 for
    DistilBERT.
alpha : float of at least 0
    Weight decay of all matrices, decoupled from the gradient (AdamW). Unlike scikit-learn's L2
    penalty it is not divided by the number of texts.
batch_size : int of at least 1 or "auto"
    Number of texts in a step of the optimiser. "auto": 32 if only the head is trained, else 16.
max_iter : int of at least 1 or "auto"
    Maximum number of epochs. The learning rate decays to 0 in the last epoch. "auto": 100 if only
    the head is trained; else 3, or as many as 250 steps need if that is more, but at most 30.
tol : float of at least 0
    Minimum improvement of the validation score that counts as progress.
early_stopping : bool
    Hold out `validation_fraction` of the texts, stop when their score no longer improves, and
    keep the weights of the epoch with the best score.
validation_fraction : float between 0 and 1
    Share of the texts that `early_stopping` holds out.
n_iter_no_change : int of at least 1
    With `early_stopping`: number of epochs without progress before training stops.
class_weight : dict of numbers of at least 0, "balanced", list of such dicts or None
    Weights of the classes in the loss, as elsewhere in scikit-learn. Classes that are not in the
    dict have weight 1. For multi-label targets, a list has one dict for each column, with the
    weights of 0 and 1.
warm_start : bool
    Continue from the weights of the previous `fit`. If Ctrl-C interrupts `fit`, the estimator
    keeps the weights so far (with `early_stopping` the best ones), and the next `fit` continues
    from them. With False an interrupted estimator is not fitted. In both cases KeyboardInterrupt
    is raised, so that a search ends and never scores an incomplete fit.
random_state : int, RandomState or None
    Determines the initial weights of the head, the order of texts, dropout and the held-out
    texts. The result does not depend on the number of threads.
verbose : bool or int of at least 0
    Show on stderr the loss of each epoch, and how many texts have been embedded: with a progress
    bar in terminals and notebooks if the extra ``progress`` is installed, otherwise with lines.
precision : {"float32", "bfloat16"}
    "bfloat16": round the weights and hidden states of the encoder before their products, which is
    faster on some processors; see `skdistilbert.load_model`. On other processors a warning is
    issued and the encoder computes in float32. Layers are always trained in float32.
n_threads : int of at least 1 or None
    Number of threads. None: as many as BLAS may use, which ``threadpool_limits``, joblib's
    workers and ``OMP_NUM_THREADS`` determine.
embedding_cache : bool, str, path-like or None
    Keep the features of each text in an SQLite file. Later calls, other estimators, processes and
    runs read them from this file. A path names the file, or a directory in which the file is
    ``embeddings.sqlite``. True: a file in the user's cache directory (``~/.cache/skdistilbert``,
    ``~/Library/Caches/skdistilbert`` or ``%LOCALAPPDATA%/skdistilbert``; with ``XDG_CACHE_HOME``,
    below that directory). The file must not be on a network file system. Its size is limited to
    1024 MB, or the environment variable ``SKDISTILBERT_CACHE_MB``; the least recently used
    features are removed. Features of a fine-tuned encoder are never kept.
"""

ATTRIBUTES = """\
n_iter_ : int
    Number of epochs; set by `fit` and `partial_fit`.
loss_curve_ : list of float
    Mean training loss of each epoch, with dropout.
best_loss_ : float or None
    Lowest value of `loss_curve_`; None with `early_stopping`.
validation_scores_ : list of float or None
    {score} on the held-out texts after each epoch; None without `early_stopping`.
best_validation_score_ : float or None
    Highest value of `validation_scores_`.
fingerprint_ : str
    Hash of the weights and configuration of the pretrained encoder.
revision_ : str or None
    Commit on the hub, which is used again after unpickling; None for a directory."""


class Accepted:
    """The accepted values of a parameter.

    Parameters
    ----------
    *types : type
        Types other than the options; bool is not a number here.
    options : sequence of str
        Accepted strings.
    low, above, below : float
        Bounds of numbers; `low` itself is accepted.
    check : callable
        Returns whether a value of other types is accepted.
    """

    def __init__(
        self,
        *types: type,
        options: Sequence[str] = (),
        low: float = -math.inf,
        above: float = -math.inf,
        below: float = math.inf,
        check: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        self._types, self._options, self._check = types, options, check
        self._low, self._above, self._below = low, above, below

    def __contains__(self, value: Any) -> bool:  # noqa: ANN401
        if isinstance(value, bool):
            return bool in self._types
        if isinstance(value, str) and value in self._options:
            return True
        if isinstance(value, Real):
            number = float(value) if is_finite_number(value) else math.nan
            if not (self._low <= number and self._above < number < self._below):
                return False
        return isinstance(value, self._types) or self._check(value)


def _is_layers(value: object) -> bool:
    if not isinstance(value, list | tuple | np.ndarray):
        return False
    return all(item in Accepted(Integral) for item in value)


def _is_class_weight(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, dict) and _is_class_weight(item) for item in value)
    return isinstance(value, dict) and all(x in Accepted(Real, low=0) for x in value.values())


_BOOL, _TEXT = Accepted(bool, np.bool), Accepted(str, NoneType)
ACCEPTED = {
    "model": Accepted(str, os.PathLike),
    "trainable_layers": Accepted(Integral, low=0, options=("all",)),
    "pooling": Accepted(options=POOLINGS),
    "max_length": Accepted(Integral, NoneType, low=2),
    "missing": Accepted(options=("error", "empty")),
    "prompt": _TEXT,
    "prompt_name": _TEXT,
    "layer": Accepted(Integral, NoneType, check=_is_layers),
    "long_text": Accepted(options=("truncate", "window")),
    "stride": Accepted(Integral, NoneType, low=0),
    "normalize": _BOOL,
    "learning_rate_init": Accepted(Real, above=0, options=("auto",)),
    "alpha": Accepted(Real, low=0),
    "batch_size": Accepted(Integral, low=1, options=("auto",)),
    "max_iter": Accepted(Integral, low=1, options=("auto",)),
    "tol": Accepted(Real, low=0),
    "early_stopping": _BOOL,
    "validation_fraction": Accepted(Real, above=0, below=1),
    "n_iter_no_change": Accepted(Integral, low=1),
    "class_weight": Accepted(NoneType, options=("balanced",), check=_is_class_weight),
    "warm_start": _BOOL,
    "random_state": Accepted(Integral, NoneType, RandomState, low=0),
    "verbose": Accepted(bool, np.bool, Integral, low=0),
    "precision": Accepted(options=PRECISIONS),
    "n_threads": Accepted(Integral, NoneType, low=1),
}


def validate_parameters(estimator: BaseEstimator) -> None:
    """Raise InvalidParameterError, a ValueError and TypeError, unless all values are accepted."""
    for name, value in estimator.get_params(deep=False).items():
        # A subclass may have further parameters.
        if name in estimator._accepted and value not in estimator._accepted[name]:
            kind = re.sub(r"\{(?=['\"])", "one of {", estimator._kinds[name])
            raise InvalidParameterError(f"{name} must be {kind}; got {value!r:.200}.")


def documented(
    own: str = "", score: str = "", accepted: Mapping[str, Accepted] = ACCEPTED
) -> Callable[[Class], Class]:
    """Return a decorator that completes the docstring of an estimator.

    ``{parameters}`` becomes the documentation of the parameters of ``__init__`` in their order,
    and ``{attributes}`` becomes the documentation of the attributes of all trained estimators.

    Parameters
    ----------
    own : str
        Documentation of parameters that differ from `PARAMETERS`.
    score : str
        Name of the validation score.
    accepted : mapping of str to Accepted
        Accepted values of the parameters.
    """
    entries = _entries(PARAMETERS) | _entries(own)

    def complete(estimator: Class) -> Class:
        signature = inspect.signature(estimator)
        estimator._accepted = accepted  # type: ignore[attr-defined]
        estimator._kinds = {name: entries[name][0] for name in signature.parameters}  # type: ignore[attr-defined]
        parameters = "\n".join(
            f"{name} : {entries[name][0]}, default={parameter.default!r}\n{entries[name][1]}"
            for name, parameter in signature.parameters.items()
        )
        text = inspect.cleandoc(estimator.__doc__ or "").replace("{parameters}", parameters)
        estimator.__doc__ = text.replace("{attributes}", ATTRIBUTES.replace("{score}", score))
        return estimator

    return complete


def _entries(text: str) -> dict[str, tuple[str, str]]:
    """Return the kind and the indented description of each parameter in a numpydoc section."""
    text = text.replace("{POOLINGS}", f"{{{', '.join(map(repr, POOLINGS))}}}")
    found = re.findall(r"^(\w+) : (.*)\n((?:    .*\n)+)", text, re.MULTILINE)
    return {name: (kind, description.rstrip()) for name, kind, description in found}
