"""What transformers' pipelines answer, in the cases that the tests compare.

Each function takes a checkpoint directory and gives JSON. torch and transformers are imported
only when one is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.tasks.texts import LONG_MASKED, MASKED, TEXTS

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
    """A list a case, of a list a text."""
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
    """A list a case, of results a text."""
    from transformers import DistilBertForMaskedLM

    model = DistilBertForMaskedLM.from_pretrained(directory)
    pipeline = _pipeline("fill-mask", model, directory)
    texts, cut = [*MASKED, LONG_MASKED], {"truncation": True}
    return [pipeline(texts, tokenizer_kwargs=cut, **arguments) for arguments in GUESSES]


def _pipeline(task: str, model: Json, directory: Path) -> Json:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    tokenizer.model_max_length = model.config.max_position_embeddings
    return transformers.pipeline(task, model=model.eval(), tokenizer=tokenizer, device="cpu")


RESULTS: dict[str, Callable[[Path], Json]] = {
    "sequence-classification": classifications,
    "masked-lm": guesses,
}
