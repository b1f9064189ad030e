"""What a forward pass can't go without: its matrix products, and reading its weights once.

Each engine does only such a part of ours, so that the time of a peer's whole pass divided by its
time is the ratio that ours would reach if all the rest were free.
"""

from __future__ import annotations

import math
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from unittest import mock

import numpy as np

from benchmarks.engines import Ours
from skdistilbert import load_model
from skdistilbert.nn import encoder as encoder_module
from skdistilbert.nn import functional
from skdistilbert.nn.activations import ACTIVATIONS
from skdistilbert.nn.inference import n_batches
from skdistilbert.nn.memory import prepare_memory
from skdistilbert.nn.packing import Group, Ragged
from skdistilbert.nn.products import product
from skdistilbert.nn.threads import for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.engines import Work
    from skdistilbert.nn.weights import Array, Encoder, LayerPart


@dataclass(frozen=True)
class Shape:
    """A batch of texts of one length."""

    n_texts: int
    length: int


@dataclass(frozen=True)
class Shared(Shape):
    """Its matrix products, and what is shared out: texts, weights, or each product by BLAS."""

    by: Literal["texts", "weights", "BLAS"] = "texts"


@dataclass(frozen=True)
class Corpus:
    """The matrix products of packed batches, which threads take one after the other."""

    batches: list[list[Group]]
    only_first_tokens: bool = False

    @classmethod
    def from_lists(
        cls,
        encoder: Encoder,
        input_ids: Sequence[Sequence[int]],
        n_threads: int,
        only_first_tokens: bool,
    ) -> Corpus:
        """Pack batches as a forward pass does."""
        texts, _ = Ragged.from_lists(input_ids).distinct()
        n_tokens = int(texts.lengths.sum())
        batches = texts.batches(n_batches(encoder, n_tokens, n_threads))
        return cls([batch.groups for batch in batches], only_first_tokens)

    def beginning(self) -> Corpus:
        """Give a little of it."""
        return replace(self, batches=self.batches[:1])


class Products:
    """The matrix products of a forward pass, in its shapes.

    If wanted, with the activations between them: an exponential a score of attention, and the
    function of the inner units of the feed-forward network.
    """

    def __init__(self, directory: str, n_threads: int, *, with_activations: bool = False) -> None:
        self.encoder = load_model(directory).encoder
        self.n_threads = n_threads
        self.with_activations = with_activations
        self.memory: dict[tuple[int, str], Array] = {}
        prepare_memory(n_threads)

    def run(self, work: Shared | Corpus) -> None:
        if isinstance(work, Corpus):
            pending = deque(work.batches)
            self._in_threads(lambda thread: self._work_off(pending, work, thread))
        elif work.by == "BLAS":
            self._multiply(self._parts(1, 0), [work], 0)
        elif work.by == "texts":
            some = Shape(work.n_texts // self.n_threads, work.length)
            self._in_threads(lambda thread: self._multiply(self._parts(1, 0), [some], thread))
        else:
            self._in_threads(
                lambda thread: self._multiply(self._parts(self.n_threads, thread), [work], thread)
            )

    def _in_threads(self, function: Callable[[int], None]) -> None:
        for_each(function, range(self.n_threads), self.n_threads)

    def _work_off(self, pending: deque[list[Group]], corpus: Corpus, thread: int) -> None:
        while pending:
            try:
                groups = pending.popleft()
            except IndexError:  # another thread was faster
                return
            self._multiply(self._parts(1, 0), groups, thread, corpus.only_first_tokens)

    def _parts(self, n_parts: int, part: int) -> list[LayerPart]:
        n_heads = self.encoder.n_heads
        return [layer.parts(n_parts, n_heads)[part] for layer in self.encoder.layers]

    def _multiply(
        self,
        parts: Sequence[LayerPart],
        groups: Sequence[Shape | Group],
        thread: int,
        only_first_tokens: bool = False,
    ) -> None:
        n_tokens = sum(group.n_texts * group.length for group in groups)
        for part in parts[:-1] if only_first_tokens else parts:
            self._product(part.qkv_lin.weight, n_tokens, thread)
            for group in groups:
                self._attend(part, group, thread)
            self._product(part.out_lin, n_tokens, thread)
            inner = self._product(part.lin1.weight, n_tokens, thread)
            if self.with_activations:
                ACTIVATIONS[self.encoder.activation](inner)
            self._product(part.lin2, n_tokens, thread)
        if only_first_tokens:  # what is left of the last layer is little
            self._product(parts[-1].qkv_lin.weight[1:], n_tokens, thread)

    def _product(self, weight: Array, n_tokens: int, thread: int) -> Array:
        return product(weight, self._array(thread, "states", weight.shape[-1], n_tokens))

    def _attend(self, part: LayerPart, group: Shape | Group, thread: int) -> None:
        n_heads = part.out_lin.shape[1] // self.encoder.head_dim
        shape = n_heads, self.encoder.head_dim, group.length
        queries = self._array(thread, "queries", *shape)
        scores = self._array(thread, "scores", n_heads, group.length, group.length)
        for _ in range(group.n_texts):
            np.matmul(queries.swapaxes(-1, -2), queries, out=scores)
            if self.with_activations:
                np.exp(scores, out=scores)
            np.matmul(queries, scores)

    def _array(self, thread: int, name: str, *shape: int) -> Array:
        """Memory that a thread keeps for arrays of that name."""
        size = math.prod(shape)
        if size > self.memory.get((thread, name), np.empty(0)).size:
            self.memory[thread, name] = np.ones(size, np.float32)
        return self.memory[thread, name][:size].reshape(shape)


class ProductsWithin(Ours):
    """A whole forward pass, of which the seconds within matrix products are given."""

    def run(self, work: Work) -> float:
        seconds = 0.0
        is_within = False  # a product that is cut into tiles has others within it

        def timed(function: Callable[..., Array]) -> Callable[..., Array]:
            def call(*args: Array, **options: Array) -> Array:
                nonlocal seconds, is_within
                if is_within:
                    return function(*args, **options)
                is_within, start = True, time.perf_counter()
                result = function(*args, **options)
                seconds += time.perf_counter() - start
                is_within = False
                return result

            return call

        with ExitStack() as patches:
            for module in (encoder_module, functional):
                patches.enter_context(mock.patch.object(module, "product", timed(product)))
            patches.enter_context(mock.patch.object(np, "matmul", timed(np.matmul)))  # attention
            super().run(work)
        return seconds


class WeightsRead:
    """One pass over the weights of all layers, on all threads: their product with themselves."""

    def __init__(self, directory: str, n_threads: int) -> None:
        self.n_threads = n_threads
        self.parts = [
            weight.reshape(n_threads, -1)
            for layer in load_model(directory).encoder.layers
            for linear in (layer.qkv_lin, layer.out_lin, layer.lin1, layer.lin2)
            for weight in [linear.weight]
        ]

    def run(self, _: None) -> None:
        for_each(self._read, range(self.n_threads), self.n_threads)

    def _read(self, thread: int) -> None:
        for part in self.parts:
            np.dot(part[thread], part[thread])
