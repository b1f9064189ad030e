"""The calls of NumPy that a forward pass makes, without anything between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import numpy as np

from benchmarks.floors import Shape
from skdistilbert import load_model
from skdistilbert.nn import encoder
from skdistilbert.nn.memory import prepare_memory
from skdistilbert.nn.packing import Group
from skdistilbert.nn.threads import for_each

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdistilbert.nn.weights import Array, Encoder

    Call = tuple[Callable[..., Any], list[Any], dict[str, Any]]


@dataclass(frozen=True)
class Calls(Shape):
    """The NumPy calls of a pass as they are, or as many of the cheapest one of that size."""

    cheapest: bool = False
    n_threads: int = 1  # which share the texts


class CallsAlone:
    """The NumPy calls of all layers, with nothing between them, on arrays that stay in the cache.

    They are made on arrays of the same shapes, but one array of a shape serves all calls.
    """

    def __init__(self, directory: str) -> None:
        self.encoder = load_model(directory).encoder
        self.calls: dict[Calls, list[list[Call]]] = {}

    def run(self, work: Calls) -> None:
        if work not in self.calls:
            prepare_memory(work.n_threads)
            self.calls[work] = [self._calls_of_thread(work) for _ in range(work.n_threads)]
        for_each(self._make, self.calls[work], work.n_threads)

    def _calls_of_thread(self, work: Calls) -> list[Call]:
        shape = Shape(work.n_texts // work.n_threads, work.length)
        calls = calls_of_a_layer(self.encoder, shape)
        if work.cheapest:
            x = np.ones((self.encoder.dim, shape.n_texts * shape.length), np.float32)
            calls = [(np.add, [x, x], {"out": np.empty_like(x)})] * len(calls)
        return calls

    def _make(self, calls: list[Call]) -> None:
        for _ in self.encoder.layers:
            for function, inputs, options in calls:
                function(*inputs, **options)


class Recorder(np.ndarray[Any, np.dtype[Any]]):
    """An array that notes each calculation in which it takes part, to be made again."""

    calls: ClassVar[list[Call]] = []
    memory: ClassVar[dict[Any, Array]] = {}

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: str,
        *inputs: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        function = getattr(ufunc, method)
        inputs = tuple(map(plain, inputs))
        copies = [self._kept("in", x) for x in inputs]
        out = options.pop("out", ())
        result = function(*inputs, **options, **({"out": tuple(map(plain, out))} if out else {}))
        self.calls.append(
            (function, copies, options | {"out": self._kept("out", np.asarray(result))})
        )
        return out[0] if out else recorded(result)

    def _kept(self, use: str, x: Any) -> Any:  # noqa: ANN401
        """Give the first array of that form."""
        if not isinstance(x, np.ndarray):
            return x
        return self.memory.setdefault((use, x.shape, x.strides, x.dtype), x.copy("K"))


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
    Recorder.memory.clear()
    with mock.patch.object(np, "empty", lambda *args: recorded(empty(*args))):
        x = x.astype(weights.dtype).view(Recorder)
        encoder.transformer_layer(x, weights.layers[0], groups, weights)
    return list(Recorder.calls)
