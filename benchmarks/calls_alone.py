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

    from skdistilbert.nn.weights import Array, Encoder, LayerPart

    Call = tuple[Callable[..., Any], list[Any], dict[str, Any]]


@dataclass(frozen=True)
class Calls(Shape):
    """The NumPy calls of a pass as they are, or as many of the cheapest one of that size."""

    cheapest: bool = False
    n_threads: int = 1  # which share the texts, or the weights if there is a single text


class CallsAlone:
    """The NumPy calls of all layers, with nothing between them, on arrays that stay in the cache.

    They are made on arrays of the same shapes, but one array of a shape serves all calls, which as
    in the pass work in place. They hold NaN: no call makes anything else of it, nor is it slower.
    """

    def __init__(self, directory: str) -> None:
        self.encoder = load_model(directory).encoder
        self.calls: dict[Calls, list[list[Call]]] = {}

    def run(self, work: Calls) -> None:
        if work not in self.calls:
            prepare_memory(work.n_threads)
            self.calls[work] = [self._calls_of(thread, work) for thread in range(work.n_threads)]
        for_each(self._make, self.calls[work], work.n_threads)

    def _calls_of(self, thread: int, work: Calls) -> list[Call]:
        n_parts = work.n_threads if work.n_texts == 1 else 1
        shape = Shape(work.n_texts * n_parts // work.n_threads, work.length)
        calls = calls_of_a_layer(self.encoder, shape, n_parts, thread if n_parts > 1 else 0)
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
        factors_or_terms = [self._kept(x) for x in inputs]
        out = options.pop("out", ())
        result = function(*inputs, **options, **({"out": tuple(map(plain, out))} if out else {}))
        # NumPy would copy factors that stand where their product is to go.
        kept = self._kept(np.asarray(result), "product" if ufunc is np.matmul else "")
        self.calls.append((function, factors_or_terms, options | {"out": kept}))
        return out[0] if out else recorded(result)

    def _kept(self, x: Any, place: str = "") -> Any:  # noqa: ANN401
        """Give the first array of that form."""
        if not isinstance(x, np.ndarray) or not x.ndim:
            return x
        form = place, x.shape, x.strides, x.dtype
        return self.memory.setdefault(form, np.full_like(x, np.nan))


def plain(x: Any) -> Any:  # noqa: ANN401
    return x.view(np.ndarray) if isinstance(x, Recorder) else x


def recorded(x: Any) -> Any:  # noqa: ANN401
    return x.view(Recorder) if isinstance(x, np.ndarray) else x


def calls_of_a_layer(
    weights: Encoder, shape: Shape, n_parts: int = 1, part: int = 0
) -> list[Call]:
    """Give every calculation on arrays (not views, nor looking up) of one layer.

    Of several parts of the weights, those of one: the first one's thread puts them together.
    """
    x = np.random.default_rng(0).standard_normal((weights.dim, shape.n_texts * shape.length))
    groups = [Group(0, shape.n_texts, shape.length)]
    empty = np.empty
    of_part: list[Call] = []

    def in_parts(function: Callable[[LayerPart], Array], parts: list[LayerPart]) -> list[Array]:
        start = len(Recorder.calls)
        result = function(parts[part])
        of_part.extend(Recorder.calls[start:])
        return [result] * len(parts)

    Recorder.calls.clear()
    Recorder.memory.clear()
    with (
        mock.patch.object(np, "empty", lambda *args: recorded(empty(*args))),
        mock.patch.object(encoder, "threads_for_one_item", return_value=n_parts),
        mock.patch.object(encoder, "in_parts", in_parts),
        np.errstate(all="ignore"),
    ):
        x = x.astype(weights.dtype).view(Recorder)
        encoder.transformer_layer(x, weights.layers[0], groups, weights)
    return list(Recorder.calls) if part == 0 else of_part
