"""The random weights of a new model, distributed as in transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.random import RandomState

from skdistilbert.checkpoint import DistilBertConfig
from skdistilbert.checkpoint.reading import sinusoidal_positions
from skdistilbert.checkpoint.tensor_names import (
    POSITIONS,
    PROJECTOR,
    WORDS,
    encoder_shapes,
    head_shapes,
)
from skdistilbert.checkpoint.token_types import merge_token_types
from skdistilbert.number_checks import is_integer

if TYPE_CHECKING:
    from skdistilbert.checkpoint.tensor_names import Head, Shape
    from skdistilbert.models.outputs import FloatArray


def initial_weights(
    config: DistilBertConfig, head: Head | None, random_state: int | RandomState | None
) -> dict[str, FloatArray]:
    """Return the weights of a new model in the form of the network.

    Matrices are normal, except for the embedding of [PAD], which is zero. Biases are zero, and
    gains of layer normalisations are one. The head that predicts masked words may share the word
    embeddings.
    """
    _check_config(config)
    random_state = _as_random_state(random_state)
    deviation = config.initializer_range or DistilBertConfig.initializer_range
    shapes = encoder_shapes(config) | head_shapes(config, head)
    is_tied = config.tie_word_embeddings and shapes.pop(PROJECTOR, None) is not None
    weights = {
        name: _initial_tensor(name, shape, deviation, random_state)
        for name, shape in shapes.items()
    }
    weights[WORDS][config.pad_token_id] = 0
    if config.sinusoidal_pos_embds:
        weights[POSITIONS] = sinusoidal_positions(config.max_position_embeddings, config.dim)
    if is_tied:
        weights[PROJECTOR] = weights[WORDS]
    return merge_token_types(weights)


def _initial_tensor(
    name: str, shape: Shape, deviation: float, random_state: RandomState
) -> FloatArray:
    if len(shape) == 1:
        return np.full(shape, name.endswith(".weight"), np.float32)
    return random_state.normal(0, deviation, shape).astype(np.float32)


def _check_config(config: DistilBertConfig) -> None:
    if not isinstance(config, DistilBertConfig):
        raise TypeError(
            f"config must be a DistilBertConfig; got {config!r:.99}. Use "
            "DistilBertConfig.from_pretrained for the configuration of a checkpoint."
        )
    if not 0 <= config.pad_token_id < config.vocab_size:
        raise ValueError(
            f"pad_token_id must be from 0 to vocab_size - 1; got {config.pad_token_id} and "
            f"vocab_size={config.vocab_size}."
        )


def _as_random_state(random_state: int | RandomState | None) -> RandomState:
    if isinstance(random_state, RandomState):
        return random_state
    if random_state is None or (is_integer(random_state) and 0 <= random_state < 2**32):
        return RandomState(random_state)
    raise ValueError(
        "random_state must be an integer from 0 to 2**32 - 1, a numpy.random.RandomState or None; "
        f"got {random_state!r:.99}."
    )
