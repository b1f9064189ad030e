"""The plan of an embedding: all options of `embed`, validated and with their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

import numpy as np

from skdistilbert.checkpoint.module_files import DenseFiles, LayerNormFiles
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.dense import DENSE_ACTIVATIONS, dense, normalize_features, unit_length
from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.nn.runtime import single_threaded_blas, supported_precision
from skdistilbert.number_checks import is_integer
from skdistilbert.tasks.checks import check_max_length, window_room
from skdistilbert.tokenization.truncation import check_stride

if TYPE_CHECKING:
    from skdistilbert.checkpoint.prompts import Prompts
    from skdistilbert.checkpoint.sentence_modules import AfterPooling, SentenceModules
    from skdistilbert.models import DistilBertModel
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.nn.tape import Tape
    from skdistilbert.tokenization import WordPieceTokenizer

LongText = Literal["truncate", "window"]


class EmbeddingPlan(NamedTuple):
    """Validated options of an embedding.

    Attributes
    ----------
    prompt : str
        Text before every text.
    max_length : int
        Maximum number of tokens.
    n_prompt, n_skipped : int
        Number of tokens in the prompt, and number of tokens at the start that are not pooled.
    stride : int or None
        Overlap of the windows of long texts in tokens; None truncates long texts.
    layers : tuple of int
        Layers whose hidden states are averaged; 0 is the embeddings.
    layer_weights : tuple of float or None
        The weight of each layer in the average; None is equal weights.
    poolings : tuple of str
        Poolings whose vectors are concatenated.
    after : tuple of DenseFiles, LayerNormFiles or None
        Modules after the pooling; None normalises to unit length.
    n_features : int
        Number of features after these modules.
    precision : str
        Precision of products in the encoder, which this machine supports.
    """

    prompt: str
    max_length: int
    n_prompt: int
    n_skipped: int
    stride: int | None
    layers: tuple[int, ...]
    layer_weights: tuple[float, ...] | None
    poolings: tuple[Pooling, ...]
    after: tuple[AfterPooling, ...]
    n_features: int
    precision: Precision

    @property
    def pooling_key(self) -> tuple[object, ...]:
        """The options that the output of `pool_texts` depends on."""
        return self._replace(after=(), n_features=0)

    def after_pooling(self, pooled: FloatArray) -> FloatArray:
        """Return the features (n_texts, n_features) after the modules that follow the pooling."""
        return apply_modules(self.after, pooled)[:, : self.n_features]


def apply_modules(
    after: Sequence[AfterPooling], pooled: FloatArray, tape: Tape | None = None
) -> FloatArray:
    """Apply the modules that follow the pooling to rows (n_texts, n_poolings * dim)."""
    for module in after:
        if module is None:
            pooled = unit_length(pooled, tape)
        elif isinstance(module, LayerNormFiles):
            pooled = normalize_features(pooled, module.tensors, tape)
        else:
            with single_threaded_blas():
                pooled = dense(pooled, module.tensors, module.activation, tape)
    return pooled


def plan_embedding(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    pooling: Pooling | None = None,
    max_length: int | None = None,
    *,
    prompt: str | None = None,
    prompt_name: str | None = None,
    layer: int | Sequence[int] | None = None,
    long_text: LongText = "truncate",
    stride: int | None = None,
    precision: Precision = "float32",
) -> EmbeddingPlan:
    """Validate the options of `embed` and fill in their defaults."""
    check_pooling(pooling)
    modules = model.sentence_modules if pooling is None else None
    max_length = check_max_length(max_length, model.config, tokenizer)
    prompt = choose_prompt(model.prompts, prompt, prompt_name, use_default=modules is not None)
    n_prompt = len(tokenizer.encode(prompt, add_special_tokens=False))
    plan = EmbeddingPlan(
        prompt=prompt,
        max_length=max_length,
        n_prompt=n_prompt,
        n_skipped=0,
        stride=resolve_stride(long_text, stride, max_length, n_prompt),
        layers=check_layers(layer, model.config.n_layers),
        layer_weights=None,
        poolings=(pooling or "mean",),
        after=(),
        n_features=model.config.dim,
        precision=supported_precision(precision),
    )
    return plan if modules is None else _with_modules(plan, modules, layer)


def _with_modules(
    plan: EmbeddingPlan, modules: SentenceModules, layer: int | Sequence[int] | None
) -> EmbeddingPlan:
    """Return the plan with the modules of ``modules.json``."""
    for module in modules.after:
        if isinstance(module, DenseFiles):
            _check_activation(module)
    if layer is None and modules.layer_mean is not None:
        mean = modules.layer_mean
        plan = plan._replace(layers=mean.layers, layer_weights=mean.weights)
    skips_prompt = plan.prompt and not modules.include_prompt
    return plan._replace(
        n_skipped=1 + plan.n_prompt if skips_prompt else 0,  # with [CLS]
        poolings=cast("tuple[Pooling, ...]", modules.poolings),  # validated by the reader
        after=modules.after,
        n_features=modules.n_features,
    )


def check_pooling(pooling: str | None) -> None:
    """Raise ValueError unless `pooling` is known or None."""
    if pooling is not None and pooling not in POOLINGS:
        raise ValueError(
            f"pooling must be one of {', '.join(map(repr, POOLINGS))}; got {pooling!r}."
        )


def check_layers(layer: int | Sequence[int] | None, n_layers: int) -> tuple[int, ...]:
    """Return the layers as indices from 0, the embeddings, to `n_layers`; None is the last."""
    if layer is None:
        return (n_layers,)
    layers = layer if isinstance(layer, Sequence | np.ndarray) else [layer]
    for index in layers:
        if not is_integer(index) or not -n_layers <= index + 1 <= n_layers + 1:
            raise ValueError(
                f"layer must be an integer from {-n_layers - 1} to {n_layers} or a list of them; "
                f"got {layer!r:.99}. 0 is the embeddings, and {n_layers} or -1 is the last of "
                f"{n_layers} layers."
            )
    if len(layers) == 0:
        raise ValueError("layer must name at least one layer; got an empty list.")
    return tuple(int(index) % (n_layers + 1) for index in layers)


def resolve_stride(
    long_text: LongText, stride: int | None, max_length: int, n_prompt: int = 0
) -> int | None:
    """Return the overlap of windows, which start with a prompt; None truncates long texts."""
    if long_text not in get_args(LongText):
        raise ValueError(
            f"long_text must be one of {', '.join(map(repr, get_args(LongText)))}; got "
            f"{long_text!r:.99}."
        )
    if stride is not None and not is_integer(stride):
        raise ValueError(f"stride must be an integer or None; got {stride!r:.99}.")
    if long_text == "truncate":
        return None
    room = window_room(max_length, n_prompt)
    stride = room // 4 if stride is None else int(stride)
    check_stride(stride, room)
    return stride


def choose_prompt(
    prompts: Prompts, prompt: str | None, prompt_name: str | None, *, use_default: bool
) -> str:
    """Return the prompt that is given by text or name, else the default prompt or ""."""
    if prompt is not None and prompt_name is not None:
        raise ValueError(
            f"Pass prompt or prompt_name, not both; got {prompt!r:.99} and {prompt_name!r:.99}."
        )
    if prompt is not None:
        if not isinstance(prompt, str):
            raise TypeError(f"prompt must be a string; got {prompt!r:.99}.")
        return prompt
    if prompt_name is None and use_default:
        prompt_name = prompts.default_name
    if prompt_name is None:
        return ""
    if prompt_name not in prompts.texts:
        raise ValueError(
            f"prompt_name must be one of {', '.join(map(repr, prompts.texts))}, the prompts of "
            f"this checkpoint; got {prompt_name!r:.99}."
        )
    return prompts.texts[prompt_name]


def _check_activation(module: DenseFiles) -> None:
    if module.activation not in DENSE_ACTIVATIONS:
        raise CheckpointError(
            f"{module.config_file}: activation_function must be one of "
            f"{', '.join(DENSE_ACTIVATIONS)} of torch; got {module.activation!r:.99}."
        )
