"""The plan of an embedding: all options of `embed`, validated and with their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from numbers import Integral
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

import numpy as np

from skdistilbert.checkpoint.module_files import DenseFiles, LayerNormFiles
from skdistilbert.exceptions import CheckpointError
from skdistilbert.nn.dense import DENSE_ACTIVATIONS, dense, normalize_features, unit_length
from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.nn.runtime import supported_precision
from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tasks.text_batches import TEXTS_PER_BATCH, encode_in_batches
from skdistilbert.tasks.windows import TextVectors, WindowPlaces, cut, place_windows
from skdistilbert.tokenization.ragged import encode_ragged
from skdistilbert.tokenization.truncation import check_stride

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skdistilbert.checkpoint.prompts import Prompts
    from skdistilbert.checkpoint.sentence_modules import AfterPooling
    from skdistilbert.models import DistilBertModel
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.runtime import Precision
    from skdistilbert.nn.tape import Tape
    from skdistilbert.nn.weights import Array, Encoder
    from skdistilbert.tasks.pair_input import TextOrPair
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
            pooled = dense(pooled, module.tensors, module.activation, tape)
    return pooled


def pool_texts(
    encoder: Encoder,
    tokenizer: WordPieceTokenizer,
    texts: Sequence[TextOrPair],
    plan: EmbeddingPlan,
    n_threads: int | None = None,
) -> tuple[FloatArray, list[int]]:
    """Return the pooled hidden states, (n_texts, n_poolings * dim), and the truncated rows.

    The states of a text depend on the text, the checkpoint and `plan.pooling_key` only. With a
    stride, the texts must be single texts.
    """
    pool = partial(
        pooled_features,
        encoder.in_precision(plan.precision),
        pooling=plan.poolings,
        n_threads=n_threads,
        layers=plan.layers,
        layer_weights=plan.layer_weights,
        n_skipped=plan.n_skipped,
    )
    if plan.stride is not None:
        return _pool_windows(pool, tokenizer, cast("list[str]", texts), plan, encoder.dim), []
    pooled = np.empty((len(texts), len(plan.poolings) * encoder.dim), np.float32)
    truncated_rows: list[int] = []
    for rows, encoded in encode_in_batches(tokenizer, texts, plan.max_length, plan.prompt):
        pooled[rows] = pool(Ragged.from_lists(encoded.input_ids, encoded.token_type_ids))
        truncated_rows += encoded.truncated_rows
    return pooled, truncated_rows


def _pool_windows(
    pool: Callable[..., Array],
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    plan: EmbeddingPlan,
    dim: int,
) -> FloatArray:
    """Return each text pooled over all of its windows: (n_texts, n_poolings * dim)."""
    totals = TextVectors(len(texts), plan.poolings, dim)
    stream = _windows_of_texts(tokenizer, texts, plan)
    # A batch may end within a text, so a text of any length needs little more than its ids.
    while batch := list(islice(stream, TEXTS_PER_BATCH)):
        places = WindowPlaces(*np.array([place for _, place in batch]).T)
        windows = Ragged.from_lists([ids for ids, _ in batch])
        totals.add(pool(windows, windows=places.pooled), places)
    return totals.vectors.reshape(len(texts), len(plan.poolings) * dim)


def _windows_of_texts(
    tokenizer: WordPieceTokenizer, texts: Sequence[str], plan: EmbeddingPlan
) -> Iterator[tuple[list[int], tuple[int, ...]]]:
    """Yield the token ids and the place of each window; every window begins with the prompt."""
    assert plan.stride is not None
    for row, text in enumerate(texts):
        (encoded,) = encode_ragged(
            tokenizer, [plan.prompt + text], add_special_tokens=False
        ).input_ids
        ids = encoded.tolist()
        before = [tokenizer.cls_token_id, *ids[: plan.n_prompt]]
        windows = cut(
            ids[plan.n_prompt :], before, [tokenizer.sep_token_id], plan.max_length, plan.stride
        )
        for window, place in zip(
            windows, place_windows(row, windows, len(before), plan.n_skipped), strict=True
        ):
            yield window.input_ids, place


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
    precision: Precision | None = None,
) -> EmbeddingPlan:
    """Validate the options of `embed` and fill in their defaults."""
    check_pooling(pooling)
    modules = model.sentence_modules if pooling is None else None
    max_length = check_max_length(max_length, model.config, tokenizer)
    prompt = choose_prompt(model.prompts, prompt, prompt_name, use_default=modules is not None)
    n_prompt, n_skipped = len(tokenizer.encode(prompt, add_special_tokens=False)), 0
    poolings: tuple[Pooling, ...] = (pooling or "mean",)
    after: tuple[AfterPooling, ...] = ()
    n_features, layer_mean = model.config.dim, None
    if modules is not None:
        for module in modules.after:
            if isinstance(module, DenseFiles):
                _check_activation(module)
        layer_mean = modules.layer_mean if layer is None else None
        poolings = cast("tuple[Pooling, ...]", modules.poolings)  # validated by the reader
        after, n_features = modules.after, modules.n_features
        if prompt and not modules.include_prompt:
            n_skipped = 1 + n_prompt  # with [CLS]
    return EmbeddingPlan(
        prompt=prompt,
        max_length=max_length,
        n_prompt=n_prompt,
        n_skipped=n_skipped,
        stride=_check_stride(long_text, stride, max_length - 2 - n_prompt),
        layers=layer_mean.layers if layer_mean else check_layers(layer, model.config.n_layers),
        layer_weights=layer_mean.weights if layer_mean else None,
        poolings=poolings,
        after=after,
        n_features=n_features,
        precision=supported_precision(precision or model.precision),
    )


def check_pooling(pooling: str | None) -> None:
    """Raise ValueError unless `pooling` is known or None."""
    if pooling is not None and pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}.")


def check_layers(layer: int | Sequence[int] | None, n_layers: int) -> tuple[int, ...]:
    """Return the layers as indices from 0, the embeddings, to `n_layers`; None is the last."""
    if layer is None:
        return (n_layers,)
    layers = layer if isinstance(layer, Sequence | np.ndarray) else [layer]
    for index in layers:
        if not isinstance(index, Integral) or not -n_layers <= index + 1 <= n_layers + 1:
            raise ValueError(
                f"layer must be an integer from {-n_layers - 1} to {n_layers} or a list of them; "
                f"got {layer!r:.99}. 0 is the embeddings, and {n_layers} or -1 is the last of "
                f"{n_layers} layers."
            )
    if len(layers) == 0:
        raise ValueError("layer must name at least one layer; got an empty list.")
    return tuple(int(index) % (n_layers + 1) for index in layers)


def _check_stride(long_text: LongText, stride: int | None, room: int) -> int | None:
    """Return the overlap of windows with room for `room` tokens of a text; None truncates."""
    if long_text not in get_args(LongText):
        raise ValueError(
            f"long_text must be one of {', '.join(get_args(LongText))}; got {long_text!r:.99}."
        )
    if stride is not None and not isinstance(stride, Integral):
        raise ValueError(f"stride must be an integer or None; got {stride!r:.99}.")
    if long_text == "truncate":
        return None
    stride = max(room, 0) // 4 if stride is None else int(stride)
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
