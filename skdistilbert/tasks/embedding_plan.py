"""What `embed` is to do, from its arguments and what sentence-transformers' files say."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

import numpy as np

from skdistilbert.exceptions import CheckpointError
from skdistilbert.models.inputs import check_ragged
from skdistilbert.nn.dense import DENSE_ACTIVATIONS, dense, unit_length
from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.tasks.encoding import check_max_length
from skdistilbert.tokenization.truncation import check_stride

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.checkpoint.prompts import Prompts
    from skdistilbert.checkpoint.sentence_modules import DenseFiles
    from skdistilbert.models import DistilBertModel
    from skdistilbert.nn.packing import TokenIds
    from skdistilbert.nn.pooling import Pooling
    from skdistilbert.nn.windows import Windows
    from skdistilbert.tokenization import WordPieceTokenizer

    FloatArray = NDArray[np.float32]

LongText = Literal["truncate", "window"]


class EmbeddingPlan(NamedTuple):
    """How texts become vectors; every part has been checked.

    Attributes
    ----------
    prompt : str
        Comes before every text.
    max_length : int
        In tokens.
    n_prompt, n_skipped : int
        How many tokens the prompt has, and how many at the start of a text are not pooled.
    stride : int or None
        By how many tokens the windows of long texts overlap; None where these are cut.
    layers : tuple of int
        Whose hidden states are averaged; 0 is the embeddings.
    poolings : tuple of str
        Their vectors are joined.
    after : tuple of DenseFiles or None
        The modules after the pooling; None is a normalisation to unit length.
    n_features : int
        Of a vector after all that.
    """

    prompt: str
    max_length: int
    n_prompt: int
    n_skipped: int
    stride: int | None
    layers: tuple[int, ...]
    poolings: tuple[Pooling, ...]
    after: tuple[DenseFiles | None, ...]
    n_features: int

    @property
    def pooling_key(self) -> tuple[object, ...]:
        """All that pooled states depend on besides text and checkpoint: what is not `after`."""
        return self._replace(after=(), n_features=0)

    def pool(
        self,
        model: DistilBertModel,
        input_ids: Sequence[TokenIds],
        n_threads: int | None,
        windows: Windows | None = None,
    ) -> FloatArray:
        """Pool the hidden states of each text or window: (n_texts, n_poolings * dim)."""
        return pooled_features(
            model.encoder,
            check_ragged(input_ids, model.config),
            self.poolings,
            n_threads,
            layers=self.layers,
            n_skipped=self.n_skipped,
            windows=windows,
        )

    def after_pooling(self, pooled: FloatArray) -> FloatArray:
        """Apply Dense and Normalize in their order, then cut: (n_texts, n_features)."""
        for module in self.after:
            if module is None:
                pooled = unit_length(pooled)
            else:
                pooled = dense(pooled, module.tensors, module.activation)
        return pooled[:, : self.n_features]


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
) -> EmbeddingPlan:
    """Check the arguments of `embed`, which see, and decide what they leave open."""
    check_pooling(pooling)
    modules = model.sentence_modules if pooling is None else None
    if max_length is None and modules is not None and tokenizer.model_max_length is not None:
        max_length = min(tokenizer.model_max_length, model.config.max_position_embeddings)
    max_length = check_max_length(max_length, model.config)
    prompt = _choose_prompt(model.prompts, prompt, prompt_name, use_default=modules is not None)
    n_prompt, n_skipped = len(tokenizer.encode(prompt, add_special_tokens=False)), 0
    poolings: tuple[Pooling, ...] = (pooling or "cls",)
    after: tuple[DenseFiles | None, ...] = ()
    n_features = model.config.dim
    if modules is not None:
        for module in filter(None, modules.after):
            _check_activation(module)
        poolings = cast("tuple[Pooling, ...]", modules.poolings)  # checked when they were read
        after, n_features = modules.after, modules.n_features
        if prompt and not modules.include_prompt:
            n_skipped = 1 + n_prompt  # with [CLS]
    return EmbeddingPlan(
        prompt=prompt,
        max_length=max_length,
        n_prompt=n_prompt,
        n_skipped=n_skipped,
        stride=_check_stride(long_text, stride, max_length - 2 - n_prompt),
        layers=check_layers(layer, model.config.n_layers),
        poolings=poolings,
        after=after,
        n_features=n_features,
    )


def check_pooling(pooling: str | None) -> None:
    """Raise unless `pooling` is a known one, or None."""
    if pooling is not None and pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}; got {pooling!r}.")


def check_layers(layer: int | Sequence[int] | None, n_layers: int) -> tuple[int, ...]:
    """Give the layers as indices from 0, the embeddings, to `n_layers`; None is the last."""
    if layer is None:
        return (n_layers,)
    layers = layer if isinstance(layer, Sequence | np.ndarray) else [layer]
    for index in layers:
        if not isinstance(index, Integral) or not -n_layers <= index + 1 <= n_layers + 1:
            raise ValueError(
                f"layer must be an integer, or a list of them, between {-n_layers - 1} and "
                f"{n_layers}: 0 is the embeddings, {n_layers} or -1 the last of {n_layers} "
                f"layers; got {layer!r:.99}."
            )
    if len(layers) == 0:
        raise ValueError("layer must name at least one layer; got an empty list.")
    return tuple(int(index) % (n_layers + 1) for index in layers)


def _check_stride(long_text: LongText, stride: int | None, room: int) -> int | None:
    """Give the overlap of windows that have room for so many tokens of a text; None to cut."""
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


def _choose_prompt(
    prompts: Prompts, prompt: str | None, prompt_name: str | None, *, use_default: bool
) -> str:
    """Give the prompt that is asked for by its text or name, or else the default; or ""."""
    if prompt is not None and prompt_name is not None:
        raise ValueError(
            f"Give prompt or prompt_name, not both; got {prompt!r:.99} and {prompt_name!r:.99}."
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
