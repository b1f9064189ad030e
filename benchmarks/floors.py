"""What a forward pass can't go without: its matrix products, its NumPy calls, its weights.

Each engine does only such a part of ours, so that the time of a peer's whole pass divided by its
time is the ratio that ours would reach if all the rest were free.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from unittest import mock

import numpy as np

from benchmarks.engines import Ours
from skdistilbert import load_model
from skdistilbert.nn import encoder, functional
from skdistilbert.nn.packing import Group
from skdistilbert.nn.products import product
from skdistilbert.nn.threads import for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.engines import Work
    from skdistilbert.nn.weights import Array, Encoder, LayerPart

    Call = tuple[Callable[..., Any], list[Any], dict[str, Any]]


@dataclass(frozen=True)
class Shape:
    """A batch of texts of one length."""

    n_texts: int
    length: int


@dataclass(frozen=True)
class Shared(Shape):
    """Its matrix products, and what is shared out: texts, weights, or each product by BLAS."""

    by: Literal["texts", "weights", "BLAS"] = "texts"


class Products:
    """The matrix products of a forward pass, in its shapes."""

    def __init__(self, directory: str, n_threads: int) -> None:
        self.encoder = load_model(directory).encoder
        self.n_threads = n_threads
        self.memory: dict[tuple[int, ...], Array] = {}

    def run(self, work: Shared) -> None:
        if work.by == "BLAS":
            self._multiply(self._parts(1, 0), work, 0)
        else:
            for_each(lambda i: self._of_thread(work, i), range(self.n_threads), self.n_threads)

    def _of_thread(self, work: Shared, thread: int) -> None:
        if work.by == "texts":
            some = Shape(work.n_texts // self.n_threads, work.length)
            self._multiply(self._parts(1, 0), some, thread)
        else:
            self._multiply(self._parts(self.n_threads, thread), work, thread)

    def _parts(self, n_parts: int, part: int) -> Iterable[LayerPart]:
        n_heads = self.encoder.n_heads
        return (layer.parts(n_parts, n_heads)[part] for layer in self.encoder.layers)

    def _multiply(self, parts: Iterable[LayerPart], shape: Shape, thread: int) -> None:
        head_dim, length = self.encoder.head_dim, shape.length
        for part in parts:
            for weight in (part.qkv_lin.weight, part.out_lin, part.lin1.weight, part.lin2):
                x = self._array(thread, weight.shape[-1], shape.n_texts * length)
                product(weight, x)
            n_heads = part.out_lin.shape[1] // head_dim
            queries = self._array(thread, n_heads, head_dim, length)
            scores = self._array(thread, n_heads, length, length)
            for _ in range(shape.n_texts):
                np.matmul(queries.swapaxes(-1, -2), queries, out=scores)
                np.matmul(queries, scores)

    def _array(self, *thread_and_shape: int) -> Array:
        """Memory that a thread keeps for arrays of that shape."""
        if thread_and_shape not in self.memory:
            self.memory[thread_and_shape] = np.ones(thread_and_shape[1:], np.float32)
        return self.memory[thread_and_shape]


class ProductsWithin(Ours):
    """A whole forward pass, of which the seconds within matrix products are given."""

    def run(self, work: Work) -> float:
        seconds = 0.0

        def timed(function: Callable[..., Array]) -> Callable[..., Array]:
            def call(*args: Array, **options: Array) -> Array:
                nonlocal seconds
                start = time.perf_counter()
                result = function(*args, **options)
                seconds += time.perf_counter() - start
                return result

            return call

        with ExitStack() as patches:
            for module in (encoder, functional):
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


@dataclass(frozen=True)
class Calls(Shape):
    """The NumPy calls of a pass as they are, or as many of the cheapest one of that size."""

    cheapest: bool = False


class CallsAlone:
    """The NumPy calls of all layers, with nothing between them."""

    def __init__(self, directory: str) -> None:
        self.encoder = load_model(directory).encoder
        self.calls: dict[Calls, list[Call]] = {}

    def run(self, work: Calls) -> None:
        if work not in self.calls:
            calls = calls_of_a_layer(self.encoder, work)
            if work.cheapest:
                x = np.ones((self.encoder.dim, work.n_texts * work.length), np.float32)
                calls = [(np.add, [x, x], {"out": np.empty_like(x)})] * len(calls)
            self.calls[work] = calls
        for _ in self.encoder.layers:
            for function, inputs, options in self.calls[work]:
                function(*inputs, **options)


class Recorder(np.ndarray[Any, np.dtype[Any]]):
    """An array that notes each calculation in which it takes part, to be made again."""

    calls: ClassVar[list[Call]] = []

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        function = getattr(ufunc, method)
        inputs = tuple(map(plain, inputs))
        copies = [x.copy("K") if isinstance(x, np.ndarray) else x for x in inputs]
        out = options.pop("out", ())
        result = function(*inputs, **options, **({"out": tuple(map(plain, out))} if out else {}))
        self.calls.append((function, copies, options | {"out": np.empty_like(result)}))
        return out[0] if out else recorded(result)


def plain(x: Any) -> Any:  # noqa: ANN401
    return x.view(np.ndarray) if isinstance(x, Recorder) else x


def recorded(x: Any) -> Any:  # noqa: ANN401
    return x.view(Recorder) if isinstance(x, np.ndarray) else x


def calls_of_a_layer(weights: Encoder, shape: Shape) -> list[Call]:
    """Give every calculation on arrays (not views, nor looking up) of one layer."""
    x = np.random.default_rng(0).standard_normal((weights.dim, shape.n_texts * shape.length))
    groups = [Group(0, shape.n_texts, shape.length)]
    empty = np.empty
    Recorder.calls.clear()
    with mock.patch.object(np, "empty", lambda *args: recorded(empty(*args))):
        x = x.astype(weights.dtype).view(Recorder)
        encoder.transformer_layer(x, weights.layers[0], groups, weights)
    return list(Recorder.calls)
