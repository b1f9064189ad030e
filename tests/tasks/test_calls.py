"""The ways to call every task: with a model or its path, and with or without tokenizer."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertRegressor,
    WordPieceTokenizer,
    answer,
    classify,
    embed,
    extract_entities,
    load_model,
    predict,
    rank,
    unmask,
)
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

TEXTS = ["Where is [MASK]?", "It is [MASK] there."]
TASKS: dict[str, tuple[Callable[..., Any], str]] = {
    "predict": (predict, "distilbert-tiny"),
    "embed": (embed, "distilbert-tiny"),
    "classify": (classify, "distilbert-tiny-sequence-classification"),
    "extract_entities": (extract_entities, "distilbert-tiny-token-classification"),
    "answer to questions": (
        lambda *inputs: answer(*inputs, ["It is here."] * 2),
        "distilbert-tiny-question-answering",
    ),
    "answer in contexts": (
        lambda *inputs: answer(*inputs[:-1], ["Where?"] * 2, inputs[-1]),
        "distilbert-tiny-question-answering",
    ),
    "unmask": (unmask, "distilbert-tiny-masked-lm"),
}


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> tuple[Callable[..., Any], Path]:
    function, name = TASKS[request.param]
    return function, DATA / name


def same(got: Any, expected: Any) -> None:  # noqa: ANN401
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(got, expected)
    else:
        assert got == expected


def test_a_model_or_its_path_with_or_without_tokenizer(
    task: tuple[Callable[..., Any], Path],
) -> None:
    function, directory = task
    model, tokenizer = load_model(directory), WordPieceTokenizer.from_pretrained(directory)
    expected = function(model, tokenizer, TEXTS)
    for inputs in (
        (model,),
        (model, None),
        (directory,),
        (os.fspath(directory),),
        (os.fspath(directory), tokenizer),
    ):
        same(function(*inputs, TEXTS), expected)


CONTAINERS: dict[str, Callable[[list[str]], Iterable[str]]] = {
    "tuple": tuple,
    "generator": iter,
    "values of a mapping": lambda texts: dict(enumerate(texts)).values(),
    "array": np.array,
    "column": lambda texts: np.array(texts, object)[:, None],
    "pandas frame": lambda texts: pytest.importorskip("pandas").DataFrame({"text": texts}),
    "pandas series": lambda texts: pytest.importorskip("pandas").Series(texts, index=[1, 0]),
    "polars frame": lambda texts: pytest.importorskip("polars").DataFrame({"text": texts}),
    "Arrow table": lambda texts: pytest.importorskip("pyarrow").table({"text": texts}),
    "Arrow chunks": lambda texts: pytest.importorskip("pyarrow").chunked_array([texts]),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_are_read_by_row(container: str, task: tuple[Callable[..., Any], Path]) -> None:
    function, directory = task
    model = load_model(directory)
    same(function(model, CONTAINERS[container](TEXTS)), function(model, TEXTS))


COLUMNS = {"a": ["x"], "b": ["y"], "c": ["z"]}
AMBIGUOUS: dict[str, Callable[[], object]] = {
    "mapping": lambda: {"This": "Is weird"},
    "set": lambda: {"a", "b"},
    "three columns": lambda: np.full((2, 3), "a", object),
    "scalar array": lambda: np.array("a"),
    "frame": lambda: pytest.importorskip("pandas").DataFrame(COLUMNS),
    "polars frame": lambda: pytest.importorskip("polars").DataFrame(COLUMNS),
    "Arrow table": lambda: pytest.importorskip("pyarrow").table(COLUMNS),
    "None": lambda: None,
    "number": lambda: 3,
    "bytes": lambda: b"a",
}


@pytest.mark.parametrize("container", AMBIGUOUS)
def test_other_containers_raise(container: str, task: tuple[Callable[..., Any], Path]) -> None:
    function, directory = task
    model = load_model(directory)
    value = AMBIGUOUS[container]()
    message = "Expected an ordered iterable|Expected one column|Every row must be a pair"
    for inputs in ((value,), (model.tokenizer, value)):
        with pytest.raises(TypeError, match=message):
            function(model, *inputs)


def test_words_may_be_in_any_column() -> None:
    model = load_model(DATA / "distilbert-tiny-token-classification")
    words = [["Where", "is"], ["it"]]
    expected = extract_entities(model, words)
    assert extract_entities(model, [np.array(row) for row in words]) == expected
    for make in (
        lambda: pytest.importorskip("pandas").DataFrame({"words": words}),
        lambda: pytest.importorskip("pyarrow").array(words),
        lambda: pytest.importorskip("polars").Series(words),
    ):
        assert extract_entities(model, make()) == expected


def test_ignore_labels_and_targets_accept_any_collection() -> None:
    tagger = load_model(DATA / "distilbert-tiny-token-classification")
    guesser = load_model(DATA / "distilbert-tiny-masked-lm")
    for make in (set, tuple, iter, np.array):
        assert (
            extract_entities(tagger, "Where is it?", ignore_labels=make(["O", "PER", "LOC"])) == []
        )
        guesses = unmask(guesser, "Where is [MASK]?", targets=make(["it", "is"]))
        assert {guess["token_str"] for guess in guesses} == {"it", "is"}
    with pytest.raises(TypeError, match="Expected an ordered iterable of labels"):
        extract_entities(tagger, "a", ignore_labels={"O": 1})
    with pytest.raises(TypeError, match="Expected an ordered iterable of targets"):
        unmask(guesser, "[MASK]", targets={"it": 1})


def test_inputs_may_be_keywords() -> None:
    directory = DATA / "distilbert-tiny-question-answering"
    expected = answer(directory, "Where?", "It is here.")
    assert answer(directory, question="Where?", context="It is here.") == expected
    assert answer(directory, "Where?", context="It is here.") == expected
    assert answer(model=directory, question="Where?", context="It is here.") == expected
    np.testing.assert_array_equal(embed("mini", texts=["a"]), embed("mini", ["a"]))


def test_invalid_calls_raise(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(TypeError, match=r"got \['a'\] of type list.* texts are keywords"):
        embed("mini", ["a"], "mean")
    with pytest.raises(TypeError, match="takes from 1 to 3 positional arguments but 4"):
        embed("mini", None, ["a"], "mean")
    with pytest.raises(
        CheckpointError, match="has none .*Choose a checkpoint that was fine-tuned"
    ):
        classify("mini", ["a"])
    with pytest.raises(
        TypeError, match=r"got \['a'\] of type list. Pass the directory or hub name"
    ):
        embed(["a"], ["b"])  # type: ignore[call-overload]
    estimator = DistilBertRegressor(tiny)
    with pytest.raises(TypeError, match=r"Save the estimator with save_pretrained\(directory\)"):
        rank(estimator, "a", ["b"])  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="is not a directory"):
        embed(os.fspath(tmp_path / "none"), ["a"])
    directory = shutil.copytree(tiny, tmp_path / "model")
    (directory / "vocab.txt").unlink()
    with pytest.raises(
        CheckpointError, match=r"vocab\.txt .* save the tokenizer with its save_pre"
    ):
        embed(directory, ["a"])


def test_a_file_is_not_taken_for_a_name_on_the_hub(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny, tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"is a file.*Pass the directory .*model'\."):
        embed("model/config.json", ["a"])


def test_max_length_has_the_same_default_everywhere(
    task: tuple[Callable[..., Any], Path],
) -> None:
    function, directory = task
    if function not in (predict, embed, classify, unmask):
        pytest.skip("has windows")
    model = load_model(directory)
    tokenizer = WordPieceTokenizer.from_pretrained(directory, model_max_length=6)
    texts = ["[MASK] " * 20]
    with pytest.warns(UserWarning, match="truncated to max_length=6 tokens"):
        by_tokenizer = function(model, tokenizer, texts)
    with pytest.warns(UserWarning, match="truncated to max_length=6 tokens"):
        same(function(model, texts, max_length=6), by_tokenizer)
