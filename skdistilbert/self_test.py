"""Self-test of the installation, without a checkpoint.

The self-test runs a small network with fixed weights and compares the features with the results
of a plain float64 implementation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.checkpoint.config import DistilBertConfig
from skdistilbert.checkpoint.tensor_names import encoder_shapes
from skdistilbert.nn.inference import pooled_features
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.weights import Encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

CONFIG = DistilBertConfig(
    vocab_size=97, max_position_embeddings=64, n_layers=2, n_heads=4, dim=64, hidden_dim=160
)
# Enough tokens for several threads.
LENGTHS = (64, 64, 64, 64, 64, 64, 40, 17, 2, 1)
TEXTS = [[(7 * i + 5 * text) % 97 for i in range(n)] for text, n in enumerate(LENGTHS)]
# Mean-pooled features of each text, projected onto one direction that uses every feature.
EXPECTED = (
    *(-10.2162962, -12.2905861, -12.0193704, -11.5783688, -12.3794113),
    *(-10.8988215, -9.96656848, -11.393257, -6.71359498, -4.23686601),
)
# The error of float32 is below 1e-5. A faulty BLAS or a miscompiled loop causes a far larger one.
TOLERANCE = 1e-4


def known_weights() -> dict[str, FloatArray]:
    """Return pseudorandom tensors that are the same on every machine."""
    tensors = {}
    for seed, (name, shape) in enumerate(encoder_shapes(CONFIG).items(), 1):
        waves = np.sin(np.arange(np.prod(shape)) ** 2 * 0.1 + seed).reshape(shape)
        is_gain = name.lower().endswith("norm.weight")
        tensors[name] = (0.3 * waves + is_gain).astype(np.float32)
    return tensors


def projection() -> NDArray[np.float64]:
    """Return the direction onto which features are projected, of shape (dim,)."""
    return np.cos(np.arange(CONFIG.dim))


def largest_error(n_threads: int | None = None) -> float:
    """Run the network and return the largest deviation from the expected features.

    Parameters
    ----------
    n_threads : int or None, default=None
        None means as many as BLAS may use.

    Returns
    -------
    float
        Below `TOLERANCE` if the installation is correct; infinite if a feature is NaN.
    """
    encoder = Encoder.from_tensors(
        known_weights(),
        n_layers=CONFIG.n_layers,
        n_heads=CONFIG.n_heads,
        activation=CONFIG.activation,
        layer_norm_eps=CONFIG.layer_norm_eps,
    )
    features = pooled_features(encoder, Ragged.from_lists(TEXTS), "mean", n_threads)
    errors = np.abs(features @ projection() - EXPECTED)
    return float(np.max(np.nan_to_num(errors, nan=np.inf)))
