from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertForQuestionAnswering,
    TruncationWarning,
    WordPieceTokenizer,
    answer,
    load_model,
)
from skdistilbert.tasks.answer_spans import AnswerOptions, answers_in_context
from skdistilbert.tasks.windows import Window
from tests.conftest import DATA
from tests.tasks.peers import ANSWERS, LONG_ANSWERS
from tests.tasks.reference import SOURCES, assert_same, checkpoint, reference
from tests.tasks.texts import LONG_PAIR, PAIRS, long_text

# The texts have emoji and Chinese words, which the small vocabulary lacks.
pytestmark = pytest.mark.filterwarnings("ignore:Most tokens of")

DIRECTORY = checkpoint("question-answering")
MODEL = DistilBertForQuestionAnswering.from_pretrained(DIRECTORY)
TOKENIZER = WordPieceTokenizer.from_pretrained(DIRECTORY)
QUESTIONS, CONTEXTS = map(list, zip(*PAIRS, strict=True))


def with_tied_positions(got: Any, expected: Any) -> Any:  # noqa: ANN401
    """Move answers to the expected positions of the same words.

    The random model gives repeated words almost equal scores, so rounding decides between them.
    """
    if isinstance(expected, list):
        return [with_tied_positions(*both) for both in zip(got, expected, strict=True)]
    is_same = got["answer"] == expected["answer"]
    return {**got, "start": expected["start"], "end": expected["end"]} if is_same else got


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.filterwarnings("default")
def test_answers_equal_those_of_transformers(source: str) -> None:
    expected = reference("question-answering", source)
    for arguments, results in zip(ANSWERS, expected["pairs"], strict=True):
        got = answer(MODEL, TOKENIZER, QUESTIONS, CONTEXTS, **arguments)
        assert_same(with_tied_positions(got, results), results, str(arguments))
    for arguments, results in zip(LONG_ANSWERS, expected["long"], strict=True):
        assert_same(answer(MODEL, TOKENIZER, *LONG_PAIR, **arguments), results, str(arguments))


def test_the_context_has_the_second_token_type_of_a_bert() -> None:
    difference = np.random.default_rng(0).normal(size=32).astype(np.float32)
    weights = {**MODEL.weights, "embeddings.token_type_difference": difference}
    bert = DistilBertForQuestionAnswering(replace(MODEL.config, model_type="bert"), weights)
    question, context = "who is it", "it is the house"
    ids, types = TOKENIZER.encode(question, context), [0] * 5 + [1] * 5
    (logits,) = bert.logits([ids], token_type_ids=[types])
    start, end = (np.exp(x) / np.exp(x).sum() for x in logits[[0, *range(5, 9)]].T)
    found = answer(bert, TOKENIZER, question, context, max_answer_len=1, align_to_words=False)
    place = int((start * end)[1:].argmax())
    assert found["answer"] == context.split()[place]
    np.testing.assert_allclose(found["score"], (start * end)[1:].max(), rtol=1e-5)
    assert found != answer(MODEL, TOKENIZER, question, context, max_answer_len=1)


def test_answers_do_not_depend_on_order_batch_or_threads() -> None:
    many = answer(MODEL, TOKENIZER, QUESTIONS, CONTEXTS, top_k=3)
    backwards = answer(MODEL, TOKENIZER, QUESTIONS[::-1], CONTEXTS[::-1], top_k=3, n_threads=2)
    assert_same(backwards[::-1], many)
    assert_same([answer(MODEL, TOKENIZER, *pair, top_k=3) for pair in PAIRS], many)
    assert answer(MODEL, TOKENIZER, [], []) == []


def test_a_single_question_or_context_is_paired_with_every_other() -> None:
    of_one_context = answer(MODEL, TOKENIZER, QUESTIONS, CONTEXTS[0])
    expected = [answer(MODEL, TOKENIZER, question, CONTEXTS[0]) for question in QUESTIONS]
    assert_same(of_one_context, expected)
    to_one_question = answer(MODEL, TOKENIZER, QUESTIONS[0], CONTEXTS)
    expected = [answer(MODEL, TOKENIZER, QUESTIONS[0], context) for context in CONTEXTS]
    assert_same(to_one_question, expected)
    assert_same(answer(MODEL, TOKENIZER, QUESTIONS[:1], CONTEXTS[0]), of_one_context[:1])


def test_answers_are_whole_words_at_the_edges_of_windows() -> None:
    words = {"constantinople", "unbelievable", "the", "houses"}
    for context in (" ".join(["constantinople"] * 5), " ".join([*words, *words] * 9)):
        for sizes in ((16, 4), (16, 0), (11, 2), (40, 12)):
            found = answer(
                MODEL, TOKENIZER, "where?", context, top_k=30, max_seq_len=sizes[0],
                doc_stride=sizes[1],
            )  # fmt: skip
            for each in found:
                assert {*each["answer"].split()} <= words
                assert context[each["start"] : each["end"]] == each["answer"]


def test_scores_are_those_of_the_best_window() -> None:
    context = "the red house " * 100
    windows = [  # 11 words each, of one token, with an overlap of 8
        " ".join(context.split()[start : start + 11]) for start in range(0, 292, 3)
    ]
    arguments = {"top_k": 9, "max_seq_len": 16, "handle_impossible_answer": True}
    assert len(TOKENIZER.encode("the red house", add_special_tokens=False)) == 3
    whole = answer(MODEL, TOKENIZER, "where?", context, doc_stride=8, **arguments)
    parts = answer(MODEL, TOKENIZER, "where?", windows, doc_stride=8, **arguments)
    best: dict[str, float] = {}
    for part in parts:
        for each in part:
            text, score = each["answer"], each["score"]
            best[text] = (min if not text else max)(score, best.get(text, score))
    for each in whole:
        assert 0 <= each["score"] <= 1
        assert each["score"] == pytest.approx(best[each["answer"]], abs=1e-5)
        assert context[each["start"] : each["end"]] == each["answer"]
    (longer,) = {each["score"] for each in whole[:1]}
    (shorter,) = answer(MODEL, TOKENIZER, "where?", [context[:700]], doc_stride=8, max_seq_len=16)
    assert longer == pytest.approx(shorter["score"], rel=0.5)


def test_the_place_is_that_of_the_best_span() -> None:
    encoding = TOKENIZER.encode_with_offsets("a b a b", add_special_tokens=False)
    windows = [Window(0, 2, []), Window(2, 4, [])]
    logits = [np.zeros((6, 2), np.float32), np.zeros((6, 2), np.float32)]
    logits[0][3] = 3  # "a" in the first window, with [CLS] . [SEP] before and [SEP] after it
    logits[1][3] = 5
    options = AnswerOptions(1, 15, handle_impossible_answer=False, align_to_words=True)
    (found,) = answers_in_context("a b a b", encoding, windows, logits, options)
    assert (found["answer"], found["start"], found["end"]) == ("a", 4, 5)
    assert found["score"] == pytest.approx((np.exp(5) / (np.exp(5) + 2)) ** 2, abs=1e-6)


def test_a_mapping_is_not_a_question() -> None:
    with pytest.raises(TypeError, match="iterable of questions.* of type dict"):
        answer(MODEL, TOKENIZER, {"This": "Is weird"}, "It is here.")


def test_answers_may_begin_and_end_with_the_context() -> None:
    context = "The house"
    found = answer(MODEL, TOKENIZER, "What?", context, top_k=9)
    assert {each["answer"] for each in found} == {"The", "house", "The house"}
    for each in found:
        assert context[each["start"] : each["end"]] == each["answer"]
    (start, end) = MODEL.logits([TOKENIZER.encode("What?", context)])[0].T
    possible = [0, 4, 5]  # [CLS] and the context
    start, end = (np.exp(x[possible]) / np.exp(x[possible]).sum() for x in (start, end))
    scores = {each["answer"]: each["score"] for each in found}
    assert scores["The"] == pytest.approx(start[1] * end[1], abs=1e-5)
    assert scores["The house"] == pytest.approx(start[1] * end[2], abs=1e-5)


def test_the_impossible_answer_has_the_score_of_cls() -> None:
    (start, end) = MODEL.logits([TOKENIZER.encode("What?", "The house")])[0].T
    possible = [0, 4, 5]
    null = np.exp(start[0] + end[0]) / np.exp(start[possible]).sum() / np.exp(end[possible]).sum()
    found = answer(MODEL, TOKENIZER, "What?", "The house", top_k=9, handle_impossible_answer=True)
    (impossible,) = (each for each in found if not each["answer"])
    assert (impossible["start"], impossible["end"]) == (0, 0)
    assert impossible["score"] == pytest.approx(null, abs=1e-5)


def test_scores_that_underflow_are_finite() -> None:
    weights = {
        **MODEL.weights,
        "qa_outputs.weight": MODEL.weights["qa_outputs.weight"] * np.float32(1e4),
    }
    model = DistilBertForQuestionAnswering(MODEL.config, weights)
    for found in answer(model, TOKENIZER, QUESTIONS, CONTEXTS):
        assert math.isfinite(found["score"])


def test_long_questions_are_truncated_with_a_warning() -> None:
    question = long_text(100)
    with pytest.warns(TruncationWarning, match=r"1 of 2 questions was truncated .*=9 .*\(row 0\)"):
        cut, _ = answer(MODEL, TOKENIZER, [question, "a"], "It is here.", max_question_len=9)
    assert cut["answer"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        words = TOKENIZER.decode(TOKENIZER.encode(question)[1:10])
        assert_same(answer(MODEL, TOKENIZER, words, "It is here."), cut)


def test_questions_that_leave_no_room_raise() -> None:
    with pytest.raises(
        ValueError, match="Question 1 has 9 tokens, .* no room .* in max_seq_len=12. Shorten"
    ):
        answer(MODEL, TOKENIZER, ["a", "a " * 9], "It is here.", max_seq_len=12, doc_stride=1)
    with pytest.raises(
        ValueError,
        match="doc_stride=4 is too large: after question 0 .* Use a doc_stride below 2",
    ):
        answer(MODEL, TOKENIZER, "a " * 5, "It is here.", max_seq_len=10, doc_stride=4)
    fits = answer(MODEL, TOKENIZER, "a " * 5, "It is", max_seq_len=10, doc_stride=4)
    assert_same(answer(MODEL, TOKENIZER, "a " * 5, "It is"), fits)


def test_invalid_sizes_raise() -> None:
    for sizes, message in (
        ({"max_seq_len": 129}, "max_seq_len must be .* between 5, .* and 128, .*; got 129"),
        ({"max_seq_len": 4}, "max_seq_len must be .* between 5"),
        ({"doc_stride": 128}, "doc_stride must be .* less than max_seq_len=128; got 128"),
        ({"doc_stride": -1}, "doc_stride must be an integer from 0"),
        ({"top_k": 0}, "top_k must be an integer of at least 1; got 0"),
        ({"max_answer_len": 0}, "max_answer_len must be an integer of at least 1; got 0"),
        ({"max_question_len": 0}, "max_question_len must be an integer of at least 1; got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            answer(MODEL, TOKENIZER, "a", "a", **sizes)


def test_invalid_arguments_raise() -> None:
    with pytest.raises(TypeError, match="needs a DistilBertForQuestionAnswering as model; got"):
        answer(load_model(DATA / "distilbert-tiny"), TOKENIZER, "a", "a")
    with pytest.raises(ValueError, match="must have tokens; question 1, '', has none"):
        answer(MODEL, TOKENIZER, ["a", ""], "a")
    with pytest.raises(ValueError, match="must have tokens; context 0, ' ', has none"):
        answer(MODEL, TOKENIZER, ["a", "b"], " ")
    with pytest.raises(TypeError, match=r"1 of 2 contexts \(row 1\) is not \(the first is None"):
        answer(MODEL, TOKENIZER, "a", ["a", None])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="got 1 questions and 2 contexts"):
        answer(MODEL, TOKENIZER, ["a"], ["a", "b"])
    with pytest.raises(ValueError, match=r"Question 0: .*lone surrogate U\+D83D"):
        answer(MODEL, TOKENIZER, "\ud83d", "a")


def test_questions_and_contexts_in_any_order_of_their_index() -> None:
    pandas = pytest.importorskip("pandas")
    questions, contexts = ["who is it?", "what is old?"], ["the house is old", "a dog"]
    expected = answer(MODEL, TOKENIZER, questions, contexts)
    series = (pandas.Series(texts, index=[1, 0]) for texts in (questions, contexts))
    assert answer(MODEL, TOKENIZER, *series) == expected
    assert answer(MODEL, TOKENIZER, iter(questions), iter(contexts)) == expected
