"""The calls of NumPy that a forward pass makes, without anything between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import mock

import numpy as np

from skdistilbert import load_model
from skdistilbert.nn import encoder
from skdistilbert.nn.memory import prepare_memory
from skdistilbert.nn.packing import Group
from skdistilbert.nn.threads import for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from skdistilbert.nn.weights import Array, Encoder, LayerPart

    Call = tuple[Callable[..., Any], list[Any], dict[str, Any]]


@dataclass(frozen=True)
class Calls:
    """The NumPy calls of a pass as they are, or as many of the cheapest one of that size."""

    batches: tuple[tuple[Group, ...], ...]  # which threads take one after the other
    n_threads: int = 1  # those that are too many for the batches share the weights
    cheapest: bool = False

    @classmethod
    def of_one_length(
        cls, n_texts: int, length: int, n_threads: int = 1, *, cheapest: bool = False
    ) -> Calls:
        """Give those of texts that the threads share, or of a single one."""
        n_batches = min(n_texts, n_threads)
        group = Group(0, n_texts // n_batches, length)
        return cls(((group,),) * n_batches, n_threads, cheapest)

    @property
    def n_parts(self) -> int:
        """In how many parts each batch is shared out."""
        return self.n_threads if len(self.batches) == 1 else 1

    @property
    def shares(self) -> list[tuple[tuple[Group, ...], int]]:
        """Each batch and part that a thread takes."""
        return [(groups, part) for groups in self.batches for part in range(self.n_parts)]


class CallsAlone:
    """The NumPy calls of all layers, with nothing between them, on arrays that stay in the cache.

    They are made with the weights of each layer and on arrays of the same shapes as the pass's,
    but one array of a shape serves all calls, which as in the pass work in place. They hold NaN:
    no call makes anything else of it, nor is it slower.
    """

    def __init__(self, directory: str) -> None:
        self.encoder = load_model(directory).encoder
        self.calls: dict[Calls, list[list[Call]]] = {}

    def run(self, work: Calls) -> None:
        if work not in self.calls:
            prepare_memory(work.n_threads)
            self.calls[work] = [self._calls_of(*share, work) for share in work.shares]
        for_each(self._make, self.calls[work], work.n_threads)

    def _calls_of(self, groups: tuple[Group, ...], part: int, work: Calls) -> list[Call]:
        calls = calls_of_layers(self.encoder, groups, work.n_parts, part)
        if work.cheapest:
            x = np.ones((self.encoder.dim, groups[-1].columns.stop), np.float32)
            calls = [(np.add, [x, x], {"out": np.empty_like(x)})] * len(calls)
        return calls

    @staticmethod
    def _make(calls: list[Call]) -> None:
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
        out = options.pop("out", ())
        into = {"out": tuple(map(plain, out))} if out else {}
        result = function(*map(plain, inputs), **options, **into)
        # NumPy would copy factors that stand where their product is to go.
        kept = self._kept(recorded(np.asarray(result)), "product" if ufunc is np.matmul else "")
        self.calls.append((function, [self._kept(x) for x in inputs], options | {"out": kept}))
        return out[0] if out else recorded(result)

    def __array_function__(
        self,
        function: Callable[..., Any],
        types: Any,  # noqa: ANN401
        inputs: Sequence[Any],
        options: dict[str, Any],
    ) -> Any:  # noqa: ANN401
        result = function(*map(plain, inputs), **options)
        if function in (np.einsum, np.copyto):
            self.calls.append((function, [self._kept(x) for x in inputs], options))
        return recorded(result)

    def _kept(self, x: Any, place: str = "") -> Any:  # noqa: ANN401
        """Give the first array of that form; weights stay as they are."""
        if not isinstance(x, Recorder) or not x.ndim:
            return plain(x)
        form = place, x.shape, x.strides, x.dtype
        return self.memory.setdefault(form, np.full_like(plain(x), np.nan))


def plain(x: Any) -> Any:  # noqa: ANN401
    return x.view(np.ndarray) if isinstance(x, Recorder) else x


def recorded(x: Any) -> Any:  # noqa: ANN401
    return x.view(Recorder) if isinstance(x, np.ndarray) else x


def contiguous(x: Any) -> Any:  # noqa: ANN401
    """Give `np.ascontiguousarray(x)`, but noted: NumPy itself makes plain arrays of ours."""
    result = recorded(np.zeros(x.shape, x.dtype))
    np.copyto(result, x)
    return result


def calls_of_layers(
    weights: Encoder, groups: Sequence[Group], n_parts: int = 1, part: int = 0
) -> list[Call]:
    """Give every calculation on arrays (not views, nor looking up) of all layers.

    Of several parts of the weights, those of one: the first one's thread puts them together.
    """
    x = np.random.default_rng(0).standard_normal((weights.dim, groups[-1].columns.stop))
    empty = np.empty
    of_part: list[Call] = []

    def in_parts(
        function: Callable[[LayerPart], Array], parts: list[LayerPart]
    ) -> Iterator[Array]:
        start = len(Recorder.calls)
        result = function(parts[part])
        of_part.extend(Recorder.calls[start:])
        return iter([result] * len(parts))

    Recorder.calls.clear()
    Recorder.memory.clear()
    with (
        mock.patch.object(np, "empty", lambda *args: recorded(empty(*args))),
        mock.patch.object(np, "ascontiguousarray", contiguous),
        mock.patch.object(encoder, "threads_for_one_item", return_value=n_parts),
        mock.patch.object(encoder, "in_parts", in_parts),
        np.errstate(all="ignore"),
    ):
        for layer in weights.layers:
            states = x.astype(weights.dtype).view(Recorder)
            encoder.transformer_layer(states, layer, list(groups), weights)
    return list(Recorder.calls) if part == 0 else of_part
