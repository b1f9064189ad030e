"""The roads that are compared: what the network does, and other ways to the same result."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import numpy as np

from skdistilbert import load_model
from skdistilbert.nn import activations, attention, inference
from skdistilbert.nn.encoder import encode, encode_first_tokens
from skdistilbert.nn.functional import linear
from skdistilbert.nn.helpers import dismiss_idle
from skdistilbert.nn.packing import Group, PackedBatch, Ragged
from skdistilbert.nn.products import product
from skdistilbert.nn.threads import for_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from skdistilbert.nn.weights import Array, Encoder

    Way = Callable[[], object]


class Road(NamedTuple):
    """What is kept, and other ways."""

    name: str
    kept: Way
    others: dict[str, Way]
    why_not: Mapping[str, str] = {}  # another way is not taken, where it is faster
    n_threads: int = 1


class Given(NamedTuple):
    """What is measured on."""

    directory: Path  # of the 66M model
    encoder: Encoder
    texts: Ragged


def roads(given: Given) -> Iterator[Road]:
    yield gelu_forms()
    yield from softmax_forms()
    yield from linear_forms(given.encoder)
    yield from layouts(given.encoder)
    yield from batches(given)
    yield from less_work(given)
    yield from threads(given)
    yield loading(given.directory)


def normal(*shape: int) -> Array:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def gelu_forms() -> Road:
    """Give the exact forms; the values are renewed each time, as all work in place."""
    from scipy.special import erf

    x, y = normal(3072, 1024), normal(3072, 1024)
    grid = np.arange(-6, 6 + 2 / 512, 1 / 512)
    table_of_values = ((1 + erf(grid / np.sqrt(2))) / 2).astype(np.float32)
    slopes = np.diff(table_of_values)

    def by_erf() -> None:
        np.multiply(x, np.float32(np.sqrt(0.5)), out=y)
        erf(y, out=y)
        y[...] += 1
        y[...] *= 0.5
        y[...] *= x

    def by_table() -> None:
        for rows in np.split(np.arange(3072), 96):
            block = x[rows[0] : rows[-1] + 1]
            place = np.clip(block, -6, 6)
            place += 6
            place *= 512
            index = place.astype(np.int32)
            place -= index
            place *= slopes.take(index)
            place += table_of_values.take(index)
            np.multiply(block, place, out=y[rows[0] : rows[-1] + 1])

    # x * Phi(x) = x / (1 + exp(x * P(x^2))), constant term of P first, good to 6e-7
    of_logistic = (
        *(-1.595768432229906, -0.072668567057298, 6.62599878827323e-05, 0.00011048031693754),
        *(-7.93821892484368e-06, 2.66892819247311e-07, -3.6112328278e-09),
    )

    def by_logistic() -> None:
        for block, out in zip(np.split(x, 24), np.split(y, 24), strict=True):
            square = block * block
            np.multiply(square, of_logistic[-1], out=out)
            for coefficient in of_logistic[-2:0:-1]:
                out += coefficient
                out *= square
            out += of_logistic[0]
            out *= block
            np.exp(out, out=out)
            out += 1
            np.divide(block, out, out=out)

    def kept(block_size: int = activations.BLOCK_SIZE) -> None:
        y[...] = x
        with mock.patch.object(activations, "BLOCK_SIZE", block_size):
            activations.gelu(y)

    others: dict[str, Way] = {"erf of SciPy": by_erf, "table of values and slopes": by_table}
    others |= {"exp of a polynomial": by_logistic, "not in blocks": partial(kept, x.size)}
    why_not = {"exp of a polynomial": "half as exact, and a third slower with AVX2"}
    return Road("GELU: erf by powers of a polynomial, in blocks", kept, others, why_not)


def softmax_forms() -> Iterator[Road]:
    q, k, v = normal(3, 8, 12, 64, 128) / 4
    ones_below = np.concatenate([v, np.ones((8, 12, 1, 128), np.float32)], axis=2)
    context, with_sums = np.empty_like(q), np.empty_like(ones_below)

    def attend(form: str) -> None:
        for part in attention._parts(q.shape, 128):
            scores = attention._scores(k[part], q[part], None)
            if form == "largest":
                scores -= np.maximum.reduce(scores, axis=-2, keepdims=True)
            np.exp(scores, out=scores)
            if form == "ones":
                np.matmul(ones_below[part], scores, out=with_sums[part])
                np.divide(
                    with_sums[part][..., :-1, :], with_sums[part][..., -1:, :], context[part]
                )
                continue
            sums = np.add.reduce(scores, axis=-2, keepdims=True)
            if form == "before":
                scores /= sums
            np.matmul(v[part], scores, out=context[part])
            if form != "before":
                context[part] /= sums

    yield Road(
        "softmax: divided after the values, largest score taken off where sums show need",
        partial(attention.attend, q, k, v, context),
        {
            "largest score always taken off": partial(attend, "largest"),
            "divided before the values": partial(attend, "before"),
            "sums by a row of ones below the values": partial(attend, "ones"),
        },
        {
            "sums by a row of ones below the values": "it takes a copy of the values, "
            "not counted here"
        },
    )


def each_product(weights: list[Array], x: Array) -> None:
    for weight in weights:
        product(weight, x)


def linear_forms(encoder: Encoder) -> Iterator[Road]:
    layer = encoder.layers[0]
    qkv, lin1 = layer.qkv_lin, layer.lin1
    for n_tokens in (16, 128, 1024):
        x = normal(768, n_tokens)
        yield Road(
            f"one product for q, k, v: {n_tokens} tokens",
            partial(product, qkv.weight, x),
            {"three": partial(each_product, np.split(qkv.weight, 3), x)},
        )
    x = normal(768, 1024)
    queries = normal(768, 1024)

    def scaled() -> None:
        linear(x, qkv)
        np.multiply(queries, 1.0, out=queries)

    yield Road(
        "queries scaled",
        scaled,
        {"scale in the weights": partial(linear, x, qkv)},
        {"scale in the weights": "the weights stay those of the file"},
    )
    wide = np.concatenate([lin1.weight, lin1.bias[:, None]], axis=1)
    below = np.concatenate([x, np.ones((1, 1024), np.float32)])
    yield Road(
        "bias added",
        partial(linear, x, lin1),
        {"bias as a column of the weights": partial(product, wide, below)},
        {
            "bias as a column of the weights": "a copy of all weights, and a row of ones below "
            "each input"
        },
    )
    out = np.empty((3072, 1024), np.float32)
    yield Road(
        "products give fresh arrays",
        partial(product, lin1.weight, x),
        {"a workspace that is kept": partial(np.matmul, lin1.weight, x, out)},
        {"a workspace that is kept": "every function would carry its workspace"},
    )
    scores = normal(1, 12, 128, 128)
    kept = np.empty_like(scores)
    yield Road(
        "workspace for the scores, 1 x 128",
        partial(np.exp, scores, kept),
        {"fresh arrays": partial(np.exp, scores)},
    )


def layouts(encoder: Encoder) -> Iterator[Road]:
    weight = encoder.layers[0].lin1.weight
    for n_tokens in (16, 32, 128, 1024):
        x, rows = normal(768, n_tokens), normal(n_tokens, 768)
        others: dict[str, Way] = {
            "a row a token": partial(np.matmul, rows, weight.T),
            "weights not in blocks": partial(np.matmul, weight, x),
        }
        yield Road(f"a column a token: {n_tokens} tokens", partial(product, weight, x), others)


def batches(given: Given) -> Iterator[Road]:
    encoder, texts = given.encoder, given.texts
    max_tokens = inference.MAX_STATES // encoder.dim

    def pooled(max_tokens: int = max_tokens) -> None:
        with mock.patch.object(inference, "MAX_STATES", max_tokens * encoder.dim):
            inference.pooled_features(encoder, texts, "mean")

    yield Road(
        f"batches of up to {max_tokens} tokens",
        pooled,
        {f"up to {n:,}": partial(pooled, n) for n in (128, 512, 2048, 8192)},
        n_threads=2,
    )
    short = Ragged.from_lists([[101] * 12] * 64).pack(np.arange(64))

    def one_by_one() -> None:
        groups = [Group(start, 1, 12) for start in range(0, 768, 12)]
        with mock.patch.object(PackedBatch, "groups", groups):
            encode(encoder, short)

    yield Road(
        "attention of texts of equal length together: 64 x 12 tokens",
        partial(encode, encoder, short),
        {"each text by itself": one_by_one},
    )

    def ordered(*, backwards: bool) -> None:
        parts = texts.batches(8)
        for_each(lambda part: encode(encoder, part), parts[::-1] if backwards else parts, 2)

    yield Road(
        "longest texts first",
        partial(ordered, backwards=False),
        {"shortest first": partial(ordered, backwards=True)},
        n_threads=2,
    )


def less_work(given: Given) -> Iterator[Road]:
    encoder, texts = given.encoder, given.texts
    batch = texts.batches(4)[1]
    yield Road(
        "last layer for [CLS] alone",
        partial(encode_first_tokens, encoder, batch),
        {"for all tokens": partial(encode, encoder, batch)},
    )
    n_texts = len(texts.lengths)
    again = texts.select(np.r_[: n_texts - n_texts // 10, : n_texts // 10])

    def all_of_them() -> None:
        everything = mock.Mock(return_value=(again, np.arange(n_texts)))
        with mock.patch.object(Ragged, "distinct", everything):
            inference.pooled_features(encoder, again, "mean")

    yield Road(
        "equal texts encoded once, a tenth being equal",
        partial(inference.pooled_features, encoder, again, "mean"),
        {"all encoded": all_of_them},
        n_threads=2,
    )


def threads(given: Given) -> Iterator[Road]:
    encoder = given.encoder
    for n_texts, length in ((1, 16), (1, 128), (2, 16), (8, 32), (8, 128)):
        texts = Ragged.from_lists([[101] * length] * n_texts)
        batch = texts.pack(np.arange(n_texts))
        whole = partial(inference.padded_hidden_states, encoder, texts, length)
        share = "a batch" if n_texts > 1 else "a part of the weights"
        yield Road(
            f"threads of ours, {share} each: {n_texts} x {length}",
            partial(whole, 2),
            {"threads of BLAS": partial(encode, encoder, batch), "one thread": partial(whole, 1)},
            n_threads=2,
        )
    short = Ragged.from_lists([[101] * 32])

    def one_after_another(before_each: Way) -> None:
        for _ in range(20):
            before_each()
            inference.padded_hidden_states(encoder, short, 32, 2)

    yield Road(
        "threads kept for the next call: 20 of 1 x 32",
        partial(one_after_another, lambda: None),
        {"started anew": partial(one_after_another, dismiss_idle)},
        n_threads=2,
    )


def loading(directory: Path) -> Road:
    def copied() -> None:
        model = load_model(directory)
        for layer in model.encoder.layers:
            for name in ("out_lin", "lin1", "lin2"):
                part = getattr(layer, name)
                replace(part, weight=part.weight.T.copy())

    return Road(
        "weights mapped: to load them",
        lambda: load_model(directory).encoder,
        {"copied, transposed": copied},
    )
