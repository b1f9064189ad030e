"""Steps of training on a DistilBERT of random weights, for fine_tuning.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.resources import peak_memory
from skdistilbert import DistilBertConfig, DistilBertModel, load_model
from skdistilbert.checkpoint.tensor_names import encoder_shapes
from skdistilbert.estimators.fine_tuning import new_sequence_head
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.threads import for_each
from skdistilbert.nn.training.dropout import Dropout, DropoutRates
from skdistilbert.nn.training.examples import Examples
from skdistilbert.nn.training.losses import cross_entropy
from skdistilbert.nn.training.network import Network, forward
from skdistilbert.nn.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("forward", "backward", "optimiser")


def random_batches() -> list[tuple[list[list[int]], np.ndarray]]:
    """Five batches of 16 texts of 128 tokens, each text of one of six classes."""
    rng = np.random.default_rng(0)
    return [
        (rng.integers(1000, 30000, (16, 128)).tolist(), rng.integers(0, 6, 16)) for _ in range(5)
    ]


def save_random_model(directory: str) -> None:
    """Write a DistilBERT of the usual size and random weights, without torch."""
    config, rng = DistilBertConfig(), np.random.default_rng(0)
    weights = {}
    for name, shape in encoder_shapes(config).items():
        weights[name] = rng.normal(scale=0.02, size=shape).astype(np.float32)
        if name.endswith("orm.weight"):
            weights[name] += 1
    DistilBertModel(config, weights).save_pretrained(directory)


def time_ours(directory: str, n_threads: int) -> dict[str, Any]:
    """Milliseconds of each part of a step, medians over the batches; and the peak memory."""
    encoder, rates = load_model(directory).encoder, DropoutRates(0.1, 0.1, 0.2)
    head = new_sequence_head(encoder.dim, 6, np.random.RandomState(0))
    network = Network(encoder.embeddings, encoder.layers, head, encoder.n_heads, "gelu", "mean")
    trainer = Trainer(network, cross_entropy, rates, 0, 0.01, n_threads)
    times: dict[str, list[float]] = {"forward": [], "step": [], "optimiser": []}
    trainer.optimizer.step = timed(trainer.optimizer.step, times["optimiser"])  # type: ignore[method-assign]

    def forward_alone(pieces: list[Any]) -> None:
        dropout = Dropout.seeded(rates, 0)
        each = lambda piece: forward(trainer.network, piece.inputs, dropout)  # noqa: E731
        for_each(each, pieces, n_threads)

    for texts, targets in random_batches():
        examples = Examples(Ragged.from_lists(texts), None, targets, np.ones(16, np.float32))
        pieces = examples.pieces(np.arange(16))
        timed(trainer.step, times["step"])(pieces, 5e-5)
        peak = (peak_memory() or np.nan) / 2**20
        timed(forward_alone, times["forward"])(pieces)
    step, forward_time, optimiser = (np.median(times[k]) for k in ("step", "forward", "optimiser"))
    backward = step - forward_time - optimiser
    of_parts = dict(zip(PARTS, (forward_time, backward, optimiser), strict=True))
    return {part: 1000 * seconds for part, seconds in of_parts.items()} | {"MB": peak}


def timed(function: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    """Note how long each call takes."""

    def wrapper(*args: Any) -> Any:  # noqa: ANN401
        began = time.perf_counter()
        result = function(*args)
        times.append(time.perf_counter() - began)
        return result

    return wrapper
