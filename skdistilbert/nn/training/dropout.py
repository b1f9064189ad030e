"""Dropout (Srivastava et al., 2014) that can be drawn again from its seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.nn.weights import Array


class DropoutRates(NamedTuple):
    """Share of values dropped, as `dropout`, `attention_dropout` and the head's in a config."""

    hidden: float = 0.0
    attention: float = 0.0
    head: float = 0.0


class Mask(NamedTuple):
    """Which values are kept; these are scaled up so that the mean stays."""

    keep: NDArray[np.bool_]
    scale: float

    def apply(self, x: Array) -> Array:
        """Drop and scale in place, in the forward and in the backward pass alike."""
        x *= self.keep
        x *= self.scale
        return x


@dataclass(frozen=True, slots=True)
class Dropout:
    """Draws the masks of one forward pass; without a generator nothing is dropped."""

    rates: DropoutRates
    rng: np.random.Generator | None

    @classmethod
    def none(cls) -> Dropout:
        """Nothing is dropped."""
        return cls(DropoutRates(), None)

    @classmethod
    def seeded(cls, rates: DropoutRates, seed: int, *key: int) -> Dropout:
        """Masks that depend on the seed and the key alone, whichever thread draws them."""
        sequence = np.random.SeedSequence(seed, spawn_key=key)
        return cls(rates, np.random.Generator(np.random.SFC64(sequence)))

    def drop_hidden(self, x: Array) -> Mask | None:
        """Drop hidden states in place."""
        return self._drop(x, self.rates.hidden)

    def drop_attention(self, x: Array) -> Mask | None:
        """Drop attention probabilities in place."""
        return self._drop(x, self.rates.attention)

    def drop_head(self, x: Array) -> Mask | None:
        """Drop what the output layer of a head reads, in place."""
        return self._drop(x, self.rates.head)

    def _drop(self, x: Array, rate: float) -> Mask | None:
        if self.rng is None or rate == 0:
            return None
        # 16 random bits a value, drawn for four at once, are three times cheaper than a float, and
        # off by 8e-6 at most.
        threshold = round(rate * 2**16)
        drawn = self.rng.integers(0, 2**64, -(-x.size // 4), np.uint64).view(np.uint16)
        mask = Mask(drawn[: x.size].reshape(x.shape) >= threshold, 1 / (1 - rate))
        mask.apply(x)
        return mask


def undrop(d_x: Array, mask: Mask | None) -> Array:
    """Backward pass of a drop, in place."""
    return d_x if mask is None else mask.apply(d_x)
