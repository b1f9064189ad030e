from __future__ import annotations

import json
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertEmbedder,
    DistilBertModel,
    WordPieceTokenizer,
    embed,
    load_model,
)
from skdistilbert.nn.pooling import POOLINGS
from skdistilbert.tasks import window_batches
from skdistilbert.tokenization.truncation import windows as token_windows
from tests.nn.test_pooling import pooled

if TYPE_CHECKING:
    from pathlib import Path

    from skdistilbert.nn.pooling import Pooling

Pair = tuple[DistilBertModel, WordPieceTokenizer]
RNG = np.random.default_rng(0)
WORDS = ["the", "one", "two", "what", "would", "you", "do", "it", "is", "there", "too", "then"]
TEXTS = [" ".join(RNG.choice(WORDS, n)) for n in (40, 3, 0, 8, 9, 77, 1)]


@pytest.fixture
def pair(tiny: Path) -> Pair:
    return load_model(tiny), WordPieceTokenizer.from_pretrained(tiny)


def expected(pair: Pair, text: str, pooling: Pooling, max_length: int, stride: int) -> np.ndarray:
    """Pool a text token by token, each from the window whose nearest edge is farther away."""
    model, tokenizer = pair
    ids = tokenizer.encode(text, add_special_tokens=False)
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    windows = [
        [cls, *ids[start:stop], sep]
        for start, stop in token_windows(len(ids), max_length - 2, stride)
    ]
    starts = np.cumsum([0] + [len(each) - 2 - stride for each in windows])[:-1]
    stops = [start + len(each) - 2 for start, each in zip(starts, windows, strict=True)]
    states = [model.hidden_states([each])[0] for each in windows]
    # The edges of the text itself are not edges of a window.
    edges = [-np.inf, *starts[1:]], [*stops[:-1], np.inf]
    room = [
        [min(token - a, b - 1 - token) for a, b in zip(*edges, strict=True)]
        for token in range(len(ids))
    ]
    chosen = [int(np.argmax(of_windows)) for of_windows in room]
    inner = [states[w][1 + token - starts[w]] for token, w in enumerate(chosen)]
    whole = np.array([states[0][0], *inner, states[-1][-1]])
    if pooling in ("cls", "lasttoken"):
        counts = np.bincount([0, *chosen, len(windows) - 1], minlength=len(windows))
        edge = [each[0 if pooling == "cls" else -1] for each in states]
        return np.average(edge, axis=0, weights=counts)
    return pooled(whole, np.arange(len(whole)))[pooling]


@pytest.mark.parametrize(("max_length", "stride"), [(10, 0), (10, 3), (10, 7), (11, 4), (33, 8)])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_token_is_pooled_once(
    pair: Pair, pooling: Pooling, max_length: int, stride: int
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = embed(
            *pair, TEXTS, pooling=pooling, max_length=max_length, long_text="window", stride=stride
        )
    for text, features in zip(TEXTS, got, strict=True):
        np.testing.assert_allclose(
            features, expected(pair, text, pooling, max_length, stride), atol=1e-5
        )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_texts_that_fit_are_not_changed_by_windows(pair: Pair, pooling: Pooling) -> None:
    np.testing.assert_array_equal(
        embed(*pair, TEXTS, pooling=pooling, long_text="window"),
        embed(*pair, TEXTS, pooling=pooling),
    )
    assert embed(*pair, [], pooling=pooling, long_text="window").shape == (0, 32)


@pytest.mark.parametrize("windows_per_batch", [1, 3])
def test_the_windows_of_a_text_may_be_in_several_batches(
    pair: Pair, windows_per_batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for pooling in POOLINGS:
        whole = embed(*pair, TEXTS, pooling=pooling, max_length=10, long_text="window")
        with monkeypatch.context() as patch:
            patch.setattr(window_batches, "TEXTS_PER_BATCH", windows_per_batch)
            got = embed(*pair, TEXTS, pooling=pooling, max_length=10, long_text="window")
        np.testing.assert_allclose(got, whole, atol=1e-5)


def test_windows_average_layers(pair: Pair) -> None:
    text = TEXTS[0]
    first, last = (
        embed(*pair, text, pooling="mean", max_length=10, layer=n, long_text="window")
        for n in (1, -1)
    )
    both = embed(*pair, text, pooling="mean", max_length=10, layer=[1, -1], long_text="window")
    np.testing.assert_allclose(both, (first + last) / 2, atol=1e-5)
    assert np.abs(first - last).max() > 0.1


@pytest.mark.parametrize("include_prompt", [True, False])
def test_every_window_begins_with_the_prompt(
    include_prompt: bool, tiny: Path, tmp_path: Path
) -> None:
    directory = shutil.copytree(tiny, tmp_path / "model")
    modules = [{"path": "", "type": "sentence_transformers.models.Transformer"}]
    modules += [{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    (directory / "modules.json").write_text(json.dumps(modules))
    (directory / "1_Pooling").mkdir()
    config = {"pooling_mode": "mean", "include_prompt": include_prompt}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(config))
    model, tokenizer = load_model(directory), WordPieceTokenizer.from_pretrained(directory)
    texts, prompt = ["one two three four five", "one"], "who is "
    got = embed(
        model,
        tokenizer,
        texts,
        pooling=None,
        max_length=7,
        prompt=prompt,
        long_text="window",
        stride=1,
    )
    first, second = (  # [CLS] who is ... [SEP]
        model.hidden_states([tokenizer.encode(f"who is {part}")])[0]
        for part in ("one two three", "three four five")
    )
    states = [*first[0 if include_prompt else 3 : 6], *second[4:]]
    np.testing.assert_allclose(got[0], np.mean(states, axis=0), atol=1e-5)
    np.testing.assert_allclose(got[1], embed(model, tokenizer, "one", prompt=prompt), atol=1e-5)


def test_the_embedder_reads_long_texts_in_windows(tiny: Path, pair: Pair) -> None:
    params: dict[str, Any] = {"max_length": 10, "long_text": "window", "stride": 2}
    embedder = DistilBertEmbedder(tiny, pooling="mean", **params).fit(TEXTS)
    np.testing.assert_allclose(
        embedder.transform(TEXTS), embed(*pair, TEXTS, pooling="mean", **params), atol=1e-6
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"long_text": "cut"}, "long_text must be one of .*truncate.*window.*; got 'cut'"),
        ({"long_text": "window", "stride": 8}, "room for 8 tokens .* stride=8"),
        (
            {"long_text": "window", "stride": -1},
            "stride must be (an integer|int) of at least 0",
        ),
        ({"long_text": "window", "stride": 1.5}, "stride must be .* or None; got 1.5"),
        (
            {"long_text": "window", "prompt": "one " * 8},
            "max_length must be at least 11 .* 8 tokens of the prompt, .* got 10",
        ),
    ],
)
def test_invalid_windows_raise_in_fit(
    params: dict[str, Any], message: str, tiny: Path, pair: Pair
) -> None:
    with pytest.raises(ValueError, match=message):
        embed(*pair, "one", max_length=10, **params)
    with pytest.raises(ValueError, match=message):
        DistilBertEmbedder(tiny, max_length=10, **params).fit(["one"])


def test_a_text_that_is_not_a_string_raises(pair: Pair) -> None:
    with pytest.raises(TypeError, match=r"1 of 2 texts \(row 1\) is not"):
        embed(*pair, ["one", None], long_text="window", prompt="a ")  # type: ignore[list-item]
