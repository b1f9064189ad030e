"""Measure how faithful attributions are, and how long they take, compared with LIME and SHAP.

    python -m benchmarks.attributions --data DIRECTORY [--texts 300] [--slow-texts 30]
                                      [--methods METHOD ...] [--classifier FILE] [--save]

MiniLM is fine-tuned on TREC-6 (DIRECTORY has train.txt and test.txt). Each method ranks the words
of test questions by how much they speak for the predicted class. LIME and SHAP, which must be
installed, run with their defaults on the first ``--slow-texts`` questions only. All other methods
also have a row for these questions. The measures are from ERASER (DeYoung et al., 2020), averaged
over the first 5, 10, 20 and 50 % of the ranking:

- comprehensiveness: fall of the probability when these words are deleted; higher is better.
- sufficiency: fall of the probability when all other words are deleted; lower is better.
- log odds: change of the logit of the probability when these words are deleted; lower is better.

The bundled model is also fine-tuned on texts in which a planted word decides the label. The rows
"shortcut" contain the share of test questions in which this word comes first.
``--classifier`` stores the fine-tuned classifier in a file, or reads it if the file exists.
"""

from __future__ import annotations

import argparse
import re
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from benchmarks.checkpoints import find_minilm
from benchmarks.fine_tuning_tasks import read_trec
from benchmarks.results import Results, add_save_option, save
from skdistilbert import AttributionDisplay, DistilBertClassifier
from skdistilbert.inspection.differentiable import as_differentiable
from skdistilbert.inspection.explained_output import ExplainedOutput
from skdistilbert.inspection.explained_text import ExplainedText
from skdistilbert.inspection.integrated_gradients import TextPath
from skdistilbert.inspection.occlusion import hide
from skdistilbert.inspection.word_spans import find_words
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.runtime import resolve_n_threads
from skdistilbert.nn.tape import Tape
from skdistilbert.nn.training import Inputs, forward, input_gradient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]  # (n_words,)

SHARES = (0.05, 0.1, 0.2, 0.5)
SHORTCUT, SHORTCUT_LABEL = "zither", "NUM"  # a word that TREC-6 does not contain
N_SHORTCUT = 1500  # texts for training with the shortcut
OURS, SLOW = ("occlusion", "kernel_shap", "integrated_gradients"), ("lime", "shap")
PROBABILITY = "kernel_shap, predict_proba"  # the score that LIME and SHAP explain


def display(
    classifier: Any,  # noqa: ANN401
    texts: list[ExplainedText],
    **options: Any,  # noqa: ANN401
) -> list[Values]:
    shown = AttributionDisplay.from_estimator(classifier, [text.text for text in texts], **options)
    return [record.values for record in shown.attributions]


@np.errstate(all="ignore")  # overflow in the activation ends in its correct limit
def gradient_times_input(classifier: Any, texts: list[ExplainedText]) -> list[Values]:  # noqa: ANN401
    output, _ = ExplainedOutput.of_estimator(classifier, [texts[0].text])
    differentiable, values = as_differentiable(classifier, output), []
    for text in texts:
        path, tape = TextPath.to_text(text, differentiable), Tape()
        states = path.start + path.difference
        inputs = Inputs(Ragged.from_lists([path.input_ids]).pack(np.arange(1)), states)
        logits = forward(differentiable.network, inputs, tape).T.astype(np.float64)
        d_logits = differentiable.gradient(logits, text.column).T.astype(np.float32)
        gradient = input_gradient(differentiable.network, d_logits, inputs, tape)
        values.append(by_word((gradient * states).sum(axis=0), path))
    return values


def attention(classifier: Any, texts: list[ExplainedText]) -> list[Values]:  # noqa: ANN401
    """Return the attention that the words receive in the last layer, which has no sign."""
    output, _ = ExplainedOutput.of_estimator(classifier, [texts[0].text])
    differentiable, values = as_differentiable(classifier, output), []
    for text in texts:
        path = TextPath.to_text(text, differentiable)
        model = classifier._loaded_encoder().model
        attentions = model(path.input_ids[None], output_attentions=True).attentions
        values.append(by_word(attentions[-1][0].mean(axis=(0, 1)), path))
    return values


def by_word(by_token: Any, path: TextPath) -> Values:  # noqa: ANN401
    return np.bincount(path.token_words + 1, by_token, len(path.text.words) + 1)[1:]


def in_random_order(_: Any, texts: list[ExplainedText]) -> list[Values]:  # noqa: ANN401
    rng = np.random.default_rng(0)
    return [rng.random(len(text.words)) for text in texts]


def lime(classifier: Any, texts: list[ExplainedText]) -> list[Values]:  # noqa: ANN401
    from lime.lime_text import LimeTextExplainer

    explainer, values = LimeTextExplainer(random_state=0), []
    for text in texts:
        found = explainer.explain_instance(
            text.text,
            classifier.predict_proba,
            labels=[text.column],
            num_features=len(text.words),
        )
        weights = dict(found.as_list(label=text.column))
        # LIME splits words at punctuation, such as "don't".
        parts = [re.split(r"\W+", text.part(word)) for word in text.words]
        values.append(np.array([sum(weights.get(x, 0) for x in word) for word in parts]))
    return values


def shap(classifier: Any, texts: list[ExplainedText]) -> list[Values]:  # noqa: ANN401
    import shap

    def predict(variants: Any) -> Any:  # noqa: ANN401
        return classifier.predict_proba([str(text) for text in variants])

    explainer, values = shap.Explainer(predict, shap.maskers.Text(r"\W+"), silent=True), []
    for text in texts:
        found = explainer([text.text])
        ends = np.cumsum([len(part) for part in found.data[0]])
        middles = [ends[i] - len(part.lstrip()) for i, part in enumerate(found.data[0])]
        starts = [word.start for word in text.words]
        words = np.maximum(np.searchsorted(starts, middles, side="right") - 1, 0)
        by_part = found.values[0][:, text.column]
        values.append(np.bincount(words, by_part, len(text.words)))
    return values


METHODS: dict[str, Callable[[Any, list[ExplainedText]], list[Values]]] = {
    **{method: partial(display, method=method) for method in OURS},
    PROBABILITY: partial(display, method="kernel_shap", response_method="predict_proba"),
    "gradient x input": gradient_times_input,
    "attention": attention,
    "random order": in_random_order,
    "lime": lime,
    "shap": shap,
}


def faithfulness(
    classifier: Any,  # noqa: ANN401
    texts: list[ExplainedText],
    values: list[Values],
) -> dict[str, float]:
    """Return the measures, averaged over the texts and over `SHARES`."""
    deleted, kept = [], []
    for text, of_text in zip(texts, values, strict=True):
        order = np.argsort(-of_text, kind="stable")
        for share in SHARES:
            n_words = int(np.ceil(share * len(order)))
            deleted.append(hide(text, sorted(order[:n_words].tolist()), ""))
            kept.append(hide(text, sorted(order[n_words:].tolist()), ""))
    columns = np.array([text.column for text in texts])

    def probabilities(of: list[str]) -> Values:
        p = classifier.predict_proba(of).astype(np.float64).reshape(len(texts), -1, n_classes)
        return np.clip(p[np.arange(len(texts)), :, columns], 1e-6, 1 - 1e-6)

    n_classes = len(classifier.classes_)
    whole = probabilities([text.text for text in texts])
    without, only = probabilities(deleted), probabilities(kept)
    change = np.log(without / (1 - without)) - np.log(whole / (1 - whole))
    return {
        "comprehensiveness": float((whole - without).mean()),
        "sufficiency": float((whole - only).mean()),
        "log odds": float(change.mean()),
    }


def measure(name: str, classifier: Any, texts: list[ExplainedText]) -> dict[str, float | str]:  # noqa: ANN401
    METHODS[name](classifier, texts[:2])  # warm up
    start = perf_counter()
    values = METHODS[name](classifier, texts)
    seconds = perf_counter() - start
    columns: dict[str, float | str] = {"texts": float(len(texts))}
    columns |= faithfulness(classifier, texts, values)
    return columns | {"ms per text": 1000 * seconds / len(texts)}


def explained_texts(classifier: Any, texts: list[str]) -> list[ExplainedText]:  # noqa: ANN401
    columns = classifier.predict_proba(texts).argmax(axis=1).tolist()
    return [
        ExplainedText(text, find_words(text), [], column, 0.0)
        for text, column in zip(texts, columns, strict=True)
    ]


def shortcut(task: Any, texts: list[str]) -> Results:  # noqa: ANN401
    """Return how often each of our methods ranks a planted word first."""
    rng = np.random.default_rng(0)
    clean, labels = task.texts[:N_SHORTCUT], task.labels[:N_SHORTCUT]
    planted = rng.random(len(clean)) < 0.2
    train_texts = [plant(x, rng) if at else x for x, at in zip(clean, planted, strict=True)]
    labels = np.where(planted, SHORTCUT_LABEL, labels)
    classifier = DistilBertClassifier(trainable_layers="all", max_iter=3, random_state=0)
    classifier.fit(train_texts, labels)
    results: Results = {}
    for method in OURS:
        shown = AttributionDisplay.from_estimator(
            classifier, [plant(text, rng) for text in texts], method=method
        )
        first = [x.words[x.values.argmax()] == SHORTCUT for x in shown.attributions]
        results[f"shortcut, {method}"] = {"share": float(np.mean(first))}
    return results


def plant(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    words.insert(int(rng.integers(len(words))), SHORTCUT)
    return " ".join(words)


def fine_tuned(task: Any, file: Path | None) -> DistilBertClassifier:  # noqa: ANN401
    if file is not None and file.exists():
        return joblib.load(file)
    classifier = DistilBertClassifier(find_minilm(), trainable_layers="all", random_state=0)
    classifier.fit(task.texts, task.labels)
    if file is not None:
        joblib.dump(classifier, file)
    return classifier


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="directory of TREC-6")
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--slow-texts", type=int, default=30, help="texts for LIME and SHAP")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    parser.add_argument("--classifier", type=Path, help="file of the fine-tuned classifier")
    add_save_option(parser)
    options = parser.parse_args(arguments)
    task = read_trec(options.data)
    classifier = fine_tuned(task, options.classifier)
    texts = explained_texts(classifier, task.test_texts[: options.texts])
    results: Results = {}
    for name in options.methods:
        if name not in SLOW:
            results[name] = measure(name, classifier, texts)
            print(name, results[name], flush=True)
        row = f"{name}, {options.slow_texts} texts"
        results[row] = measure(name, classifier, texts[: options.slow_texts])
        print(row, results[row], flush=True)
    results |= shortcut(task, task.test_texts[: options.texts])
    print(results)
    save(options.save, "attributions", results, resolve_n_threads(None))


if __name__ == "__main__":
    main()
