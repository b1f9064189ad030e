"""Compute the results of transformers' pipelines that the tests compare with.

Each function takes a checkpoint directory and returns JSON. The functions import torch and
transformers themselves.
"""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING, Any

from tests.tasks.texts import LONG_MASKED, LONG_PAIR, MASKED, PAIRS, TEXTS, WORDS, long_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Json = Any

# (problem_type, num_labels), arguments
CLASSIFICATIONS: list[tuple[tuple[str | None, int], dict[str, Json]]] = [
    ((None, 3), {}),
    ((None, 3), {"top_k": None}),
    ((None, 3), {"function_to_apply": "sigmoid", "top_k": 2}),
    ((None, 1), {}),
    (("single_label_classification", 3), {"top_k": None}),
    (("multi_label_classification", 3), {"top_k": None}),
    (("multi_label_classification", 3), {"top_k": 9, "function_to_apply": "softmax"}),
    (("regression", 3), {"top_k": None}),
    (("regression", 1), {}),
    (("regression", 1), {"function_to_apply": "softmax"}),
]


def classifications(directory: Path) -> Json:
    """Return a list per case with a list per text."""
    from transformers import DistilBertForSequenceClassification

    results = []
    for (problem_type, num_labels), arguments in CLASSIFICATIONS:
        model = DistilBertForSequenceClassification.from_pretrained(directory)
        model.config.problem_type = problem_type
        model.config.id2label = {i: model.config.id2label[i] for i in range(num_labels)}
        model.classifier.weight.data = model.classifier.weight.data[:num_labels]
        model.classifier.bias.data = model.classifier.bias.data[:num_labels]
        pipeline = _pipeline("text-classification", model, directory)
        results.append(pipeline(list(TEXTS), **{"top_k": 1, **arguments}))
    return results


GUESSES: list[dict[str, Json]] = [
    {},
    {"top_k": 2},
    {"targets": ["it", "##s", "it", "?"], "top_k": 9},
    {"targets": "[PAD]"},
    {"targets": ["Where", "unbelievable", "\u5317\u4eac", "\u00e9t\u00e9"], "top_k": 3},
]


def guesses(directory: Path) -> Json:
    """Return a list per case with the results of each text."""
    from transformers import DistilBertForMaskedLM

    model = DistilBertForMaskedLM.from_pretrained(directory)
    pipeline = _pipeline("fill-mask", model, directory)
    texts, cut = [*MASKED, LONG_MASKED], {"truncation": True}
    return [pipeline(texts, tokenizer_kwargs=cut, **arguments) for arguments in GUESSES]


STRATEGIES = ("none", "simple", "first", "average", "max")
SCHEMES = {
    "BIO": ("O", "B-PER", "I-PER", "B-LOC", "I-LOC"),
    "IO": ("O", "PER", "PER-SON", "I-LOC", "LOC"),
}
# n_words, arguments; the text must be longer than a window
LONG: list[tuple[int, dict[str, Json]]] = [
    (400, {"aggregation_strategy": "simple", "stride": 0}),
    (400, {"aggregation_strategy": "first", "stride": 16, "ignore_labels": []}),
    (400, {"aggregation_strategy": "average", "stride": 100}),
    (400, {"aggregation_strategy": "max", "stride": 63, "ignore_labels": ["LOC"]}),
    (5000, {"aggregation_strategy": "simple", "stride": 64}),
    (5000, {"aggregation_strategy": "max", "stride": 1}),
]


def entities(directory: Path) -> Json:
    """Return the results of short texts, of long texts and of words."""
    from transformers import DistilBertForTokenClassification

    model = DistilBertForTokenClassification.from_pretrained(directory)
    pipeline = _pipeline("token-classification", model, directory)
    _correct(pipeline)
    short = {}
    for scheme, labels in SCHEMES.items():
        model.config.id2label = dict(enumerate(labels))
        for strategy in STRATEGIES:
            results = pipeline(list(TEXTS), aggregation_strategy=strategy)
            short[f"{scheme}, {strategy}"] = _plain(results)
    model.config.id2label = dict(enumerate(SCHEMES["BIO"]))
    ignoring = [
        pipeline(list(TEXTS[:2]), aggregation_strategy=strategy, ignore_labels=["PER", "B-LOC"])
        for strategy in ("none", "simple")
    ]
    long = [abridged(_plain(pipeline(long_text(n), **arguments))) for n, arguments in LONG]
    return {
        "short": short,
        "ignoring": _plain(ignoring),
        "long": long,
        "words": _words(model, pipeline.tokenizer),
    }


def _correct(pipeline: Json) -> None:
    """Correct two faults of the pipeline.

    The pipeline detects the first token of a word by the length of the token, which fails for
    accents that the tokenizer removes. It also removes everything before the first hyphen of a
    label.
    """

    def gather_pre_entities(sentence: str, *args: Json, **options: Json) -> Json:
        entities = gather(sentence, *args, **options)
        encoding = pipeline.tokenizer(sentence)
        words = [encoding.char_to_word(each["start"]) for each in entities]
        for index, each in enumerate(entities):
            each["is_subword"] = index > 0 and words[index] == words[index - 1]
        return entities

    def group_sub_entities(entities: Json) -> Json:
        return {**group(entities), "entity_group": pipeline.get_tag(entities[0]["entity"])[1]}

    gather, group = pipeline.gather_pre_entities, pipeline.group_sub_entities
    pipeline.gather_pre_entities = gather_pre_entities
    pipeline.group_sub_entities = group_sub_entities


ANSWERS: list[dict[str, Json]] = [
    {},
    {"top_k": 3},
    {"top_k": 2, "align_to_words": False},
    {"handle_impossible_answer": True},
    {"top_k": 4, "handle_impossible_answer": True, "max_answer_len": 2},
    {"top_k": 3, "max_seq_len": 45, "doc_stride": 10},
    {"top_k": 3, "max_seq_len": 40, "doc_stride": 1, "align_to_words": False},
    {"top_k": 2, "max_seq_len": 44, "max_answer_len": 100, "handle_impossible_answer": True},
]

LONG_ANSWERS = (ANSWERS[1], ANSWERS[4])


def answers(directory: Path) -> Json:
    """Return a list per case with the results of pairs, also of one with a long context."""
    from transformers import DistilBertForQuestionAnswering

    model = DistilBertForQuestionAnswering.from_pretrained(directory)
    pipeline = _pipeline("question-answering", model, directory)
    _keep_best_window(pipeline)
    questions, contexts = map(list, zip(*PAIRS, strict=True))
    question, context = LONG_PAIR
    return {
        "pairs": [
            pipeline(question=questions, context=contexts, **arguments) for arguments in ANSWERS
        ],
        "long": [
            pipeline(question=question, context=context, **arguments) for arguments in LONG_ANSWERS
        ],
    }


def _keep_best_window(pipeline: Json) -> None:
    """Make the pipeline rank each window separately and return whole words of the context.

    The original pipeline adds the scores of the same words in all windows, and cuts off words at
    the ends of windows.
    """

    def get_indices(enc: Json, first: int, last: int, _: int, align_to_words: bool) -> Json:
        start, end = enc.offsets[first][0], enc.offsets[last][1]
        if align_to_words and end > start:  # else [CLS], with a score of 0
            start = whole[-1].word_to_chars(whole[-1].char_to_word(start))[0]
            end = whole[-1].word_to_chars(whole[-1].char_to_word(end - 1))[1]
        return start, end

    def postprocess(outputs: Json, top_k: int = 1, **options: Json) -> Json:
        impossible = options.pop("handle_impossible_answer", False)
        context = outputs[0]["example"].context_text
        whole.append(pipeline.tokenizer(context, add_special_tokens=False))
        best: dict[str, Json] = {}
        null_scores = []
        for output in outputs:
            found = rank([copy.deepcopy(output)], top_k, False, **options)
            for each in found if isinstance(found, list) else [found]:
                known = best.setdefault(each["answer"].lower(), each)
                if each["score"] > known["score"]:
                    best[each["answer"].lower()] = each
            null_scores.append(_null_score(output))
        answers = list(best.values())
        if impossible:
            answers.append({"score": min(null_scores), "start": 0, "end": 0, "answer": ""})
        answers = sorted(answers, key=lambda each: each["score"], reverse=True)[:top_k]
        return answers[0] if len(answers) == 1 else answers

    whole: list[Json] = []  # the encoding of the context
    rank = pipeline.postprocess
    pipeline.get_indices, pipeline.postprocess = get_indices, postprocess


def _null_score(output: Json) -> float:
    """Return the probability that the window has no answer."""
    from transformers.pipelines.question_answering import select_starts_ends

    names = ("start", "end", "p_mask")
    logits = (copy.deepcopy(output[name]) for name in names)
    mask = output["attention_mask"].numpy()
    return float(select_starts_ends(*logits, mask, handle_impossible_answer=True)[-1])


def abridged(found: Json) -> Json:
    """Return a digest of the positions of all entities, and every tenth entity."""
    places = " ".join(f"{each['start']}-{each['end']}" for each in found)
    digest = hashlib.sha256(places.encode()).hexdigest()
    return {"n": len(found), "places": digest, "some": found[:: max(1, len(found) // 10)]}


def _words(model: Json, tokenizer: Json) -> Json:
    """Return a list per strategy with the labels of the words of each text, from the logits."""
    import torch

    results: dict[str, Json] = {"first": [], "average": [], "max": []}
    for words in WORDS:
        encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
        with torch.inference_mode():
            scores = model(**encoded).logits[0].softmax(-1)
        rows: list[list[Json]] = [[] for _ in words]
        for row, word in zip(scores, encoded.word_ids(), strict=True):
            if word is not None:
                rows[word].append(row)
        for strategy, of_texts in results.items():
            chosen = [_score_of_word(of_word, strategy) for of_word in rows]
            of_texts.append(
                [[model.config.id2label[int(row.argmax())], row.max().item()] for row in chosen]
            )
    return results


def _score_of_word(rows: list[Json], strategy: str) -> Json:
    import torch

    if strategy == "average":
        return torch.stack(rows).mean(0)
    return rows[0] if strategy == "first" else max(rows, key=lambda row: row.max())


def _plain(results: Json) -> Json:
    """Convert numbers of NumPy to numbers of Python."""
    if isinstance(results, list):
        return [_plain(each) for each in results]
    return {key: each.item() if hasattr(each, "item") else each for key, each in results.items()}


def _pipeline(task: str, model: Json, directory: Path) -> Json:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    tokenizer.model_max_length = model.config.max_position_embeddings
    return transformers.pipeline(task, model=model.eval(), tokenizer=tokenizer, device="cpu")


# transformers 5 has removed the pipelines of these tasks.
IN_TRANSFORMERS_4 = {"question-answering"}

RESULTS: dict[str, Callable[[Path], Json]] = {
    "sequence-classification": classifications,
    "masked-lm": guesses,
    "question-answering": answers,
    "token-classification": entities,
}
