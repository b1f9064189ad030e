from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest

from skdistilbert import (
    DistilBertForTokenClassification,
    WordPieceTokenizer,
    extract_entities,
    load_model,
)
from skdistilbert.tasks.aggregation import AggregationStrategy, Token, group_entities
from skdistilbert.tasks.label_schemes import parse_labels
from tests.conftest import DATA
from tests.tasks.peers import LONG, SCHEMES, STRATEGIES, abridged
from tests.tasks.reference import SOURCES, assert_same, checkpoint, reference
from tests.tasks.texts import TEXTS, WORDS, long_text

# The texts have emoji and Chinese words, which the small vocabulary lacks.
pytestmark = pytest.mark.filterwarnings("ignore:Most tokens of")

DIRECTORY = checkpoint("token-classification")
MODEL = DistilBertForTokenClassification.from_pretrained(DIRECTORY)
TOKENIZER = WordPieceTokenizer.from_pretrained(DIRECTORY)


def with_labels(labels: tuple[str, ...]) -> DistilBertForTokenClassification:
    config = replace(MODEL.config, id2label=dict(enumerate(labels)))
    return DistilBertForTokenClassification(config, MODEL.weights)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.filterwarnings("default")
def test_entities_equal_those_of_transformers(source: str) -> None:
    expected = reference("token-classification", source)
    for scheme, labels in SCHEMES.items():
        for strategy in STRATEGIES:
            got = extract_entities(
                with_labels(labels), TOKENIZER, TEXTS, aggregation_strategy=strategy
            )
            name = f"{scheme}, {strategy}"
            assert_same(got, expected["short"][name], name)
    ignoring = [
        extract_entities(
            MODEL,
            TOKENIZER,
            TEXTS[:2],
            aggregation_strategy=strategy,
            ignore_labels=["PER", "B-LOC"],
        )
        for strategy in ("none", "simple")
    ]
    assert_same(ignoring, expected["ignoring"], "ignoring")
    long = [
        abridged(extract_entities(MODEL, TOKENIZER, long_text(n_words), **arguments))
        for n_words, arguments in LONG
    ]
    assert_same(long, expected["long"], "long")
    for strategy, results in expected["words"].items():
        got = extract_entities(MODEL, TOKENIZER, WORDS, aggregation_strategy=strategy)
        labels = [[[word["entity"], word["score"]] for word in words] for words in got]
        assert_same(labels, results, strategy)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entities_do_not_depend_on_order_batch_or_threads(strategy: str) -> None:
    texts = [*TEXTS, *map(list, WORDS), long_text(300)]
    many = extract_entities(MODEL, TOKENIZER, texts, aggregation_strategy=strategy)
    backwards = extract_entities(
        MODEL, TOKENIZER, texts[::-1], aggregation_strategy=strategy, n_threads=2
    )
    assert_same(backwards[::-1], many)
    assert_same(
        [
            extract_entities(MODEL, TOKENIZER, [text], aggregation_strategy=strategy)[0]
            for text in texts
        ],
        many,
    )
    assert_same(
        extract_entities(MODEL, TOKENIZER, TEXTS[0], aggregation_strategy=strategy), many[0]
    )
    assert extract_entities(MODEL, TOKENIZER, [], aggregation_strategy=strategy) == []


@pytest.mark.parametrize("strategy", ["first", "average", "max"])
def test_words_are_those_of_the_tokenizer(strategy: AggregationStrategy) -> None:
    plain = "the unbelievable café is in Orléans now"
    entities = extract_entities(
        MODEL, TOKENIZER, plain, aggregation_strategy=strategy, ignore_labels=()
    )
    for text in (
        unicodedata.normalize("NFD", plain),
        plain.replace("é", "e\u0301\u0316"),
        plain.replace("b", "b\u200b\u0300"),
        plain.replace("r", "\u00adr"),
        plain.replace("e", "\u0000e"),
    ):
        assert text != plain
        found = extract_entities(
            MODEL, TOKENIZER, text, aggregation_strategy=strategy, ignore_labels=()
        )
        for got, expected in zip(found, entities, strict=True):
            assert got["word"] == expected["word"]
            assert got["entity_group"] == expected["entity_group"]
            assert got["score"] == pytest.approx(expected["score"], abs=1e-5)
            assert text[: got["end"]].count(" ") == plain[: expected["end"]].count(" ")


@pytest.mark.parametrize(
    ("id2label", "labels", "groups"),
    [
        ("O B-LOC I-LOC E-LOC S-LOC", "B-LOC I-LOC E-LOC S-LOC", "LOC:0-3 LOC:3-4"),
        ("O B-LOC I-LOC L-LOC U-LOC", "B-LOC I-LOC L-LOC U-LOC", "LOC:0-3 LOC:3-4"),
        ("O I-LOC E-LOC", "I-LOC E-LOC I-LOC E-LOC", "LOC:0-2 LOC:2-4"),
        ("O B-LOC I-LOC", "I-LOC I-LOC B-LOC I-LOC", "LOC:0-2 LOC:2-4"),
        ("O E-mail LOC", "E-mail E-mail O LOC", "E-mail:0-2 O:2-3 LOC:3-4"),
        ("O B I", "B I B O", "_:0-2 _:2-3 O:3-4"),
    ],
)
@pytest.mark.parametrize("strategy", ["simple", "first", "average", "max"])
def test_entities_follow_the_scheme_of_the_labels(
    id2label: str, labels: str, groups: str, strategy: AggregationStrategy
) -> None:
    names = id2label.split()
    tokens = [Token(f"word{index}", index, index + 1, index) for index in range(4)]
    scores = np.eye(len(names), dtype=np.float32)[[names.index(x) for x in labels.split()]]
    found = group_entities(tokens, scores, strategy, dict(enumerate(names)), parse_labels(names))
    assert groups.split() == [
        f"{each['entity_group']}:{each['start']}-{each['end']}" for each in found
    ]


def test_start_and_end_are_positions_in_the_text() -> None:
    (entity, *_) = extract_entities(MODEL, TOKENIZER, "  Wh\u00c9re is it", ignore_labels=())
    assert "  Wh\u00c9re is it"[entity["start"] : entity["end"]].startswith("Wh\u00c9re")
    words = WORDS[1]
    for word in extract_entities(MODEL, TOKENIZER, [list(words)])[0]:
        assert " ".join(words)[word["start"] : word["end"]] == word["word"]
        assert words[word["index"]] == word["word"]


def test_words_without_tokens_have_no_label() -> None:
    (labels,) = extract_entities(
        MODEL, TOKENIZER, [["", "is", "\u200b", "there", " "]], aggregation_strategy="max"
    )
    assert [word["entity"] is None for word in labels] == [True, False, True, False, True]
    assert [word["score"] == 0 for word in labels] == [True, False, True, False, True]


@pytest.mark.parametrize("stride", [0, 5, 6])
def test_tokens_have_the_label_of_the_window_with_more_context(stride: int) -> None:
    words = [word for word in long_text(60).split() if word.isalpha()][:40]
    text = " ".join(words)
    whole = extract_entities(MODEL, TOKENIZER, text, aggregation_strategy="none", ignore_labels=())
    short = extract_entities(
        MODEL,
        TOKENIZER,
        text,
        aggregation_strategy="none",
        ignore_labels=(),
        stride=stride,
        max_length=22,
    )
    assert [token["index"] for token in short] == list(range(1, len(whole) + 1))
    assert [token["start"] for token in short] == [token["start"] for token in whole]
    ids = TOKENIZER.encode(text, add_special_tokens=False)
    second = [TOKENIZER.cls_token_id, *ids[20 - stride : 40 - stride], TOKENIZER.sep_token_id]
    logits = MODEL.logits([second])[0][1:-1]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    first_of_second = 20 - stride // 2
    for token, row in zip(
        short[first_of_second : 40 - stride - (stride - stride // 2)],
        probabilities[first_of_second - (20 - stride) :],
        strict=False,
    ):
        assert token["score"] == pytest.approx(row.max(), abs=1e-5)
    as_words = extract_entities(
        MODEL,
        TOKENIZER,
        [words],
        aggregation_strategy="first",
        ignore_labels=(),
        stride=stride,
        max_length=22,
    )
    by_start = {token["start"]: token["score"] for token in short}
    for word in as_words[0]:
        assert by_start[word["start"]] == pytest.approx(word["score"], abs=1e-5)


def test_long_texts_are_read_completely() -> None:
    text = long_text(400)
    by_default = extract_entities(
        MODEL, TOKENIZER, text, aggregation_strategy="first", ignore_labels=()
    )
    assert by_default[-1]["end"] == len(text)
    assert_same(
        by_default,
        extract_entities(
            MODEL, TOKENIZER, text, aggregation_strategy="first", ignore_labels=(), stride=63
        ),
    )
    tokenizer = WordPieceTokenizer.from_pretrained(DIRECTORY, model_max_length=66)
    by_tokenizer = extract_entities(
        MODEL, tokenizer, text, aggregation_strategy="first", ignore_labels=()
    )
    by_argument = extract_entities(
        MODEL, TOKENIZER, text, aggregation_strategy="first", ignore_labels=(), max_length=66
    )
    assert_same(by_tokenizer, by_argument)


def test_invalid_arguments_raise() -> None:
    with pytest.raises(
        TypeError,
        match="extract_entities needs a DistilBertForTokenClassification as model; got Dist",
    ):
        extract_entities(load_model(DATA / "distilbert-tiny"), TOKENIZER, "a")
    with pytest.raises(ValueError, match="one of 'none', 'simple', .*, 'max'; got 'mean'"):
        extract_entities(MODEL, TOKENIZER, "a", aggregation_strategy="mean")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="overlap by stride=126; use a larger max_length or a"):
        extract_entities(MODEL, TOKENIZER, "a", stride=126)
    with pytest.raises(ValueError, match="max_length must be .* and 128, .*; got 129"):
        extract_entities(MODEL, TOKENIZER, "a", max_length=129)
    with pytest.raises(TypeError, match="Row 1 must be a string; got None"):
        extract_entities(MODEL, TOKENIZER, ["a", None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="Row 1: word 2 must be a string; got 5"):
        extract_entities(MODEL, TOKENIZER, [["a"], ["a", "b", 5]])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"Row 0: .*lone surrogate U\+D83D"):
        extract_entities(MODEL, TOKENIZER, ["\ud83d"])
