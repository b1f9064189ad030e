"""The tape of a forward pass: records for the backward pass, and the dropout of training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.nn.weights import Array


class DropoutRates(NamedTuple):
    """Probabilities of dropping a value."""

    hidden: float = 0.0  # of the embeddings and of the output of each feed-forward sublayer
    attention: float = 0.0  # of the attention probabilities
    head: float = 0.0
    attention_output: float = 0.0  # BERT drops these values, too; DistilBERT does not


NO_DROPOUT = DropoutRates()


class Mask(NamedTuple):
    """Which values dropout keeps, and the factor that preserves their mean."""

    keep: NDArray[np.bool_]
    scale: float

    def apply(self, x: Array) -> Array:
        """Drop and scale in place; the same operation serves forward and backward pass."""
        x *= self.keep
        x *= self.scale
        return x


class Tape:
    """A stack of records: each forward function pushes one, its backward function pops it.

    The backward pass calls the functions in reverse order, so that every record is popped by the
    function that belongs to it. The memory of the record is then free for the rest of the pass.

    Parameters
    ----------
    rates : DropoutRates, default=NO_DROPOUT
        Dropout (Srivastava et al., 2014) of the forward pass.
    seed : int, default=0
        Seed of the dropout masks.
    key : tuple of int, default=()
        Distinguishes tapes of the same seed, such as the step and the piece of a batch. The masks
        depend on seed and key only, not on the thread that draws them.
    """

    def __init__(
        self, rates: DropoutRates = NO_DROPOUT, seed: int = 0, key: tuple[int, ...] = ()
    ) -> None:
        self.rates = rates
        self._records: list[tuple[Any, ...]] = []
        self._rng: np.random.Generator | None = None
        if any(rates):
            sequence = np.random.SeedSequence(seed, spawn_key=key)
            self._rng = np.random.Generator(np.random.SFC64(sequence))

    def push(self, *record: object) -> None:
        """Add a record."""
        self._records.append(record)

    def pop(self) -> tuple[Any, ...]:
        """Remove and return the last record."""
        return self._records.pop()

    def drop(self, x: Array, rate: float) -> None:
        """Apply dropout to `x` in place and record the mask."""
        mask = self.draw_mask(x.shape, rate)
        if mask is not None:
            mask.apply(x)
        self.push(mask)

    def undrop(self, d_x: Array) -> Array:
        """Return the derivative of `drop` with respect to its input; do not change `d_x`."""
        (mask,) = self.pop()
        return d_x if mask is None else mask.apply(d_x.copy())

    def draw_mask(self, shape: tuple[int, ...], rate: float) -> Mask | None:
        """Draw a mask; None if nothing is dropped."""
        if self._rng is None or rate == 0:
            return None
        # 16 random bits per value, drawn for four values at once, cost a third of a random float.
        # The rate is then off by at most 8e-6.
        threshold = round(rate * 2**16)
        size = int(np.prod(shape))
        drawn = self._rng.integers(0, 2**64, -(-size // 4), np.uint64).view(np.uint16)
        scale = 1 / (1 - rate) if rate < 1 else 0.0
        return Mask(drawn[:size].reshape(shape) >= threshold, scale)
