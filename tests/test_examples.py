from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from skdistilbert import DistilBertRegressor, WordPieceTokenizer, classify, load_model
from tests.conftest import DATA

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(
    name: str, *arguments: object, cwd: Path, warnings: str = "error"
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", warnings, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.minilm
def test_quickstart_with_a_larger_model(tmp_path: Path, minilm: Path) -> None:
    check_quickstart(run("quickstart.py", "--model", minilm, cwd=tmp_path), at_least=0.9)


def test_quickstart(tmp_path: Path) -> None:
    check_quickstart(run("quickstart.py", cwd=tmp_path), at_least=0.8)


def check_quickstart(done: subprocess.CompletedProcess[str], at_least: float) -> None:
    assert done.returncode == 0, done.stderr
    tfidf, ours = (float(line.split()[1]) for line in done.stdout.splitlines()[1:3])
    assert ours > at_least > tfidf
    for intent in ("delivery", "billing", "account", "returns"):
        assert f"\n  {intent}" in done.stdout


def test_quickstart_with_a_model_from_a_directory(tmp_path: Path, tiny: Path) -> None:
    done = run("quickstart.py", "--model", tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "DistilBertEmbedder" in done.stdout


def test_a_classifier_is_trained_saved_and_loaded(tmp_path: Path, tiny: Path) -> None:
    done = run("text_classification.py", "--model", tiny, "--output", "saved", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("accuracy on 32 unseen requests: 0.")
    model = load_model(tmp_path / "saved")
    tokenizer = WordPieceTokenizer.from_pretrained(tmp_path / "saved")
    (best, second) = classify(model, tokenizer, "the postman never came", top_k=2)
    assert {best["label"], second["label"]} < {"delivery", "billing", "account", "returns"}
    for each in (best, second):
        assert f"{each['label']} {each['score']:.2f}" in done.stdout.splitlines()[2]


@pytest.mark.minilm
def test_a_classifier_with_real_weights(tmp_path: Path, minilm: Path) -> None:
    done = run("text_classification.py", "--model", minilm, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    accuracy, *answers = done.stdout.splitlines()
    assert float(accuracy.split()[-1]) > 0.8
    best = [line.split()[0] for line in answers[1::2]]
    assert best == ["delivery", "billing", "account", "returns"]
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_trained_from_scratch(tmp_path: Path) -> None:
    done = run("from_scratch.py", "--output", "saved", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    words, ours = (float(line.split()[-1]) for line in done.stdout.splitlines()[-2:])
    assert ours > 0.9 > 0.6 > words
    (label,) = classify(str(tmp_path / "saved"), ["Ana travels to Oslo from Rome."], top_k=1)[0]
    assert label["label"] == "Oslo"


def test_requests_are_labelled_by_descriptions(tmp_path: Path) -> None:
    done = run("zero_shot.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names, descriptions, *requests = done.stdout.splitlines()
    assert float(descriptions.split()[2][:-1]) > float(names.split()[2][:-1]) > 0.7
    assert len(requests) == 4


def test_entities_are_found_after_training(tmp_path: Path) -> None:
    done = run("train_entities.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    score, *found = done.stdout.splitlines()
    assert float(score.split()[-1]) > 0.9
    names = [line.split(maxsplit=2)[-1] for line in found if line.startswith("  ")]
    assert {"Amsterdam", "Hong Kong"} < {*names}


def test_reranking_improves_a_search(tmp_path: Path) -> None:
    done = run("search_and_rerank.py", "--cache", "embeddings.sqlite", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "embeddings.sqlite").exists()
    before, *after = ranking_scores(done.stdout)
    for scores in after:
        assert scores[1] > before[1] > 0.6  # of the first five documents
        assert min(scores) > 0.7


def test_a_given_cross_encoder_reranks(tmp_path: Path, tiny: Path) -> None:
    regressor = DistilBertRegressor(tiny, pooling="cls", max_iter=1, random_state=0)
    regressor.fit([("who is it", "it is he"), ("where", "there")], [1, 0])
    regressor.save_pretrained(tmp_path / "saved")
    done = run("search_and_rerank.py", "--model", "saved", "--encoder", tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [*map(len, ranking_scores(done.stdout))] == [3, 3, 3]


def ranking_scores(output: str) -> list[list[float]]:
    """Return three scores of each ranking."""
    lines = output[output.index("48 queries") :].splitlines()[2:5]
    return [[float(score) for score in re.findall(r"\d\.\d{3}", line)] for line in lines]


# A checkpoint with random weights, and one that the script recommends.
MODELS = {
    "named_entities.py": ("distilbert-tiny-token-classification", "dslim/distilbert-NER"),
    "question_answering.py": (
        "distilbert-tiny-question-answering",
        "distilbert/distilbert-base-cased-distilled-squad",
    ),
    "fill_mask.py": ("distilbert-tiny-masked-lm", "distilbert/distilbert-base-uncased"),
}


@pytest.mark.parametrize("name", MODELS)
def test_without_a_model_the_error_recommends_one(name: str, tmp_path: Path) -> None:
    done = run(name, cwd=tmp_path)
    assert done.returncode == 2
    assert "give --model" in done.stderr
    assert MODELS[name][1] in done.stderr


@pytest.mark.parametrize("name", MODELS)
def test_examples_run_with_random_weights(name: str, tmp_path: Path) -> None:
    done = run(name, "--model", DATA / MODELS[name][0], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    titles = [line for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert len(titles) >= 2
    assert len(done.stdout.splitlines()) > len(titles)


def test_heads_with_texts_from_the_command_line(tmp_path: Path) -> None:
    model = DATA / "distilbert-tiny-masked-lm"
    done = run(
        "fill_mask.py", "--model", model, "--targets", "it", "--texts", "a [MASK]", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    title, guesses = done.stdout.splitlines()
    assert title == "a [MASK]"
    assert guesses.startswith("  it 0.")
    (tmp_path / "context.txt").write_text("It is here. " * 200, encoding="utf-8")
    model = DATA / "distilbert-tiny-question-answering"
    done = run(
        "question_answering.py",
        "--model",
        model,
        "--context",
        "context.txt",
        "What?",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("What?\n  ")


def check_similar_sentences(output: str) -> None:
    alike, nearest = (part.splitlines()[1:] for part in output.split("\n\n"))
    assert "login details" in alike[0]
    assert "reset my password" in alike[1]
    assert {line.partition("  ")[2][6:] for line in nearest[:2]} == {
        "I cannot remember my login details.",
        "How do I reset my password?",
    }


@pytest.mark.minilm
def test_similarity_with_a_larger_model(tmp_path: Path, minilm: Path) -> None:
    done = run("sentence_similarity.py", "--model", minilm, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    check_similar_sentences(done.stdout)
    command = ("sentence_similarity.py", "--model", minilm, "--query", "a cat", "a dog", "a car")
    done = run(*command, cwd=tmp_path)
    assert done.stdout.splitlines()[-2].endswith("a dog")


def test_similarity(tmp_path: Path) -> None:
    done = run("sentence_similarity.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    check_similar_sentences(done.stdout)


def test_edited_copies_are_found(tmp_path: Path) -> None:
    done = run("near_duplicates.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.findall(r">= (\S+): (\d+) pairs, (\d+) of", done.stdout)
    n_pairs = {threshold: (int(pairs), int(right)) for threshold, pairs, right in found}
    assert n_pairs["0.95"][0] == n_pairs["0.95"][1] < 28 < n_pairs["0.80"][1]
    assert n_pairs["0.80"][0] < 36
    assert " of 160 requests remain" in done.stdout


def test_topics_have_words_and_typical_requests(tmp_path: Path) -> None:
    done = run("topics.py", "--topics", 4, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    topics, _, agreement = done.stdout.partition("Agreement with the intents: ")
    sizes = [int(size) for size in re.findall(r"^(\d+) requests: \w+", topics, re.MULTILINE)]
    assert len(sizes) == 4
    assert sum(sizes) == 128
    assert float(agreement.split()[0]) > 0.3


def test_wrong_labels_are_found(tmp_path: Path) -> None:
    done = run("label_errors.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    recall = [float(value) for value in re.findall(r"recall (\S+)", done.stdout)]
    assert recall == sorted(recall)
    assert recall[1] > 0.6
    assert recall[2] > 0.8


def test_columns_matter_as_invented(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    done = run("text_and_columns.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "features: request__mini_0, ..., product__mini_191, " in done.stdout
    importances = dict(re.findall(r"^  (\w+) +(\S+) \+-", done.stdout, re.MULTILINE))
    assert list(importances)[-1] == "channel"
    assert float(importances["request"]) > 0.02 > float(importances["channel"])


def test_dask(tmp_path: Path, tiny: Path) -> None:
    for package in ("distributed", "pandas", "pyarrow"):
        pytest.importorskip(package)
    done = run("embed_with_dask.py", "--model", tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    pickle, embedded, best = done.stdout.splitlines()
    assert int(pickle.split()[-2]) < 20_000
    assert embedded == "embedded 128 requests: 32 features each, as here"
    assert best.startswith("best: {'logisticregression__C': ")


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")
def test_ray(tmp_path: Path, tiny: Path) -> None:
    done = run("embed_with_ray.py", "--model", tiny, cwd=tmp_path, warnings="default")
    assert done.returncode == 0, done.stderr
    assert "embedded 128 requests: 32 features each, as here" in done.stdout


PLOTS = ["embedding_map", "learning_curve", "few_labels", "confusion_matrix", "why"]
PLOTS += ["active_learning", "calibration"]


@pytest.mark.parametrize("name", PLOTS)
def test_plots(name: str, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("matplotlib.image")
    monkeypatch.setenv("MPLBACKEND", "agg")
    done = run(f"plot_{name}.py", "--model", tiny, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"wrote {name}.png" in done.stdout
    pixels = image.imread(tmp_path / f"{name}.png")
    assert min(pixels.shape[:2]) > 600
    assert pixels[..., :3].std() > 0.05  # not an empty page
