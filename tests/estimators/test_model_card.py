from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    DistilBertClassifier,
    DistilBertRegressor,
    DistilBertTokenClassifier,
    __version__,
    load_model,
)
from skdistilbert.estimators.model_card import ModelCard, code

if TYPE_CHECKING:
    from pathlib import Path

TEXTS, LABELS = ["what is it", "who would you do", "where then", "is it"], ["b", "a", "b", "a"]
PAIRS = [(text, "it is") for text in TEXTS]
WORDS, TAGS = [["what", "is"], ["it"]], [["O", "B-x"], ["O"]]
MATRIX = np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
MEAN = {"trainable_layers": 0, "pooling": "mean"}
CLS = {"trainable_layers": 1, "max_iter": 1, "pooling": "cls"}
TASKS: dict[str, tuple[Any, Any, Any, str]] = {
    "labels": (DistilBertClassifier, TEXTS, LABELS, "a label for each text"),
    "pairs": (DistilBertClassifier, PAIRS, LABELS, "a label for each pair of texts"),
    "multi-label": (DistilBertClassifier, TEXTS, MATRIX, "labels for each text"),
    "numbers": (DistilBertRegressor, TEXTS, [1.0, 2.0, 4.0, 1.0], "numbers for each text"),
    "words": (DistilBertTokenClassifier, WORDS, TAGS, "a label for each word"),
}


def fitted(tiny: Path, name: str = "labels", **params: Any) -> Any:  # noqa: ANN401
    kind, X, y, _ = TASKS[name]
    if kind is DistilBertTokenClassifier:
        params = {"max_iter": 1}
    return kind(tiny, random_state=0, **(params or CLS)).fit(X, y)


def saved_card(estimator: Any, directory: Path, **params: Any) -> str:  # noqa: ANN401
    estimator.save_pretrained(directory, **params)
    return (directory / "README.md").read_text("utf-8")


def metadata(card: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml")
    _, front_matter, _ = card.split("---\n", 2)
    values: dict[str, Any] = yaml.safe_load(front_matter)
    return values


@pytest.mark.parametrize("name", TASKS)
def test_the_card_states_task_and_data(name: str, tiny: Path, tmp_path: Path) -> None:
    kind, X, _, output = TASKS[name]
    card = saved_card(fitted(tiny, name), tmp_path)
    assert f"This model predicts {output}. " in card
    assert f"- Training texts: {len(X)}\n" in card
    assert "- Base model: the directory `distilbert-tiny`\n" in card
    assert str(tiny.parent) not in card
    assert f"- Saved with: skdistilbert {__version__}, Python 3." in card
    assert f"{kind.__name__}.from_pretrained(" in card
    assert "## Scores" not in card
    labels = {
        "labels": "- Labels (2): `a`, `b`\n",
        "numbers": "- Outputs: 1\n",
        "words": "- Labels (2): `B-x`, `O`\n",
    }
    assert labels.get(name, "") in card


@pytest.mark.parametrize("name", TASKS)
def test_the_metadata_are_those_of_the_hub(name: str, tiny: Path, tmp_path: Path) -> None:
    tag = "token-classification" if name == "words" else "text-classification"
    assert metadata(saved_card(fitted(tiny, name), tmp_path)) == {
        "library_name": "transformers",
        "pipeline_tag": tag,
        "tags": ["skdistilbert", "scikit-learn", "distilbert"],
    }


def test_the_card_explains_a_pooling_that_transformers_lacks(tiny: Path, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="pooling='mean'"):
        card = saved_card(fitted(tiny, **MEAN), tmp_path)
    assert metadata(card)["library_name"] == "skdistilbert"
    assert 'The head was trained with `pooling="mean"`. transformers loads the model' in card
    # A head on words has no pooling, also if that of its base model has.
    words = saved_card(DistilBertTokenClassifier(tmp_path, max_iter=1).fit(WORDS, TAGS), tmp_path)
    assert metadata(words)["library_name"] == "transformers"
    assert "This model predicts a label for each word" in words


def test_a_base_model_on_the_hub_is_named(tiny: Path) -> None:
    classifier = fitted(tiny)
    card = ModelCard(classifier._task_model(), "0.1/b_c@main", "a1b2", None, False, {}).render()
    assert metadata(card)["base_model"] == "0.1/b_c"
    link = "[`0.1/b_c`](https://huggingface.co/0.1/b_c), commit `a1b2`"
    assert f"- Base model: {link}\n" in card
    assert "Training texts" not in card
    copy = ModelCard(classifier._task_model(), tiny, "a1b2", None, False, {}).render()
    assert "- Base model: the directory `distilbert-tiny`\n" in copy
    bundled = ModelCard(classifier._task_model(), "mini", None, None, False, {}).render()
    assert "- Base model: `mini`, which is part of skdistilbert\n" in bundled


def test_scores_are_stated(tiny: Path, tmp_path: Path) -> None:
    scores = {"accuracy": np.float32(0.93), "F1 | `macro`": 1}
    card = saved_card(fitted(tiny), tmp_path, scores=scores)
    assert "## Scores\n\n- `accuracy`: 0.93\n- `` F1 | `macro` ``: 1\n" in card


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([0.9], TypeError, "scores must map names to numbers, .* got \\[0.9\\]"),
        ({1: 0.9}, TypeError, "scores must map names to numbers"),
        ({"F1": 10**400}, ValueError, "scores\\['F1'\\] must be a finite number; got 1000"),
        ({"F1": "0.9"}, ValueError, "scores\\['F1'\\] must be a finite number; got '0.9'"),
        ({"F1": float("nan")}, ValueError, "must be a finite number; got nan"),
        ({"F1": True}, ValueError, "must be a finite number; got True"),
    ],
)
def test_bad_scores_are_explained(
    scores: Any,  # noqa: ANN401
    error: type[Exception],
    message: str,
    tiny: Path,
    tmp_path: Path,
) -> None:
    classifier = fitted(tiny, **MEAN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Scores are checked before the pooling is warned about.
        with pytest.raises(error, match=message):
            classifier.save_pretrained(tmp_path, scores=scores)
    assert not list(tmp_path.iterdir())


def test_the_number_of_texts_is_that_of_the_last_fit(tiny: Path, tmp_path: Path) -> None:
    classifier = fitted(tiny)
    classifier.partial_fit(TEXTS, LABELS)
    assert "Training texts" not in saved_card(classifier, tmp_path)
    classifier.fit(TEXTS * 300, LABELS * 300)
    assert "- Training texts: 1,200\n" in saved_card(classifier, tmp_path)
    again = DistilBertClassifier.from_pretrained(tmp_path)
    assert "Training texts" not in saved_card(again, tmp_path)


def test_many_labels_are_abridged(tiny: Path, tmp_path: Path) -> None:
    labels = [f"l{index:03}" for index in range(103)]
    classifier = DistilBertClassifier(tiny, **CLS).fit(["is it"] * 206, labels * 2)
    card = saved_card(classifier, tmp_path)
    assert "- Labels (103): `l000`, " in card
    assert ", `l099` and 3 others in `config.json`\n" in card


@pytest.mark.parametrize("content", [b"mine", b"", b"---\nlicense: mit\n---\n"])
def test_a_readme_of_the_user_is_kept(content: bytes, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_bytes(content)
    with pytest.warns(UserWarning, match="README.md was kept, because skdistilbert did not write"):
        fitted(tiny).save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_bytes() == content
    load_model(tmp_path).save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_bytes() == content


def test_a_changed_card_is_kept(tiny: Path, tmp_path: Path) -> None:
    classifier = fitted(tiny)
    changed = saved_card(classifier, tmp_path) + "More about the data.\n"
    (tmp_path / "README.md").write_text(changed, "utf-8")
    with pytest.warns(UserWarning, match="or it was changed since"):
        assert saved_card(classifier, tmp_path, scores={"F1": 0.5}) == changed


def test_an_unchanged_card_is_replaced(tiny: Path, tmp_path: Path) -> None:
    classifier = fitted(tiny)
    before = saved_card(classifier, tmp_path, scores={"F1": 0.5})
    after = saved_card(classifier, tmp_path)
    assert "F1" in before
    assert "F1" not in after
    assert saved_card(classifier, tmp_path) == after


@pytest.mark.parametrize("save", ["model", "embedder"])
def test_a_card_of_other_weights_is_removed(save: str, tiny: Path, tmp_path: Path) -> None:
    classifier = fitted(tiny)
    saved_card(classifier, tmp_path)
    if save == "model":
        load_model(tiny).save_pretrained(tmp_path)
    else:
        classifier.to_embedder(tmp_path)
    assert not (tmp_path / "README.md").exists()


STRANGE = ["", " ", "a|b", "`", "``a`", "<script>", "*_[x](y)_*", "a\n\n# b", "\u2028", "é", "\\`"]


@pytest.mark.parametrize("text", [*STRANGE, "\ud800"])
def test_any_text_is_enclosed_by_a_longer_fence(text: str) -> None:
    span = code(text)
    span.encode()
    assert span.isprintable()
    fence = re.match("`+", span)
    assert fence is not None
    inner = span[len(fence[0]) : -len(fence[0])]
    assert inner
    assert fence[0] not in re.findall("`+", inner)


@pytest.mark.parametrize("text", STRANGE)
def test_any_text_is_one_code_span(text: str) -> None:
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark")
    (line,) = (token for token in parser.parse(f"- {code(text)}: 1") if token.type == "inline")
    (kind, content), *others = [(token.type, token.content) for token in line.children]
    shown = text.replace("\n", "\\n").replace("\u2028", "\\u2028")
    assert (kind, content.strip()) == ("code_inline", shown.strip())
    assert others == [("text", ": 1")]


def test_strange_labels_keep_the_card_valid(tiny: Path, tmp_path: Path) -> None:
    labels = [label for label in STRANGE if label.strip()]
    classifier = DistilBertClassifier(tiny, **CLS).fit(["is it"] * len(labels), labels)
    card = saved_card(classifier, tmp_path)
    assert metadata(card)["pipeline_tag"] == "text-classification"
    assert sum(line.startswith("- Labels") for line in card.splitlines()) == 1
    assert not re.search("^# b", card, re.MULTILINE)


@pytest.mark.parity
@pytest.mark.parametrize("name", TASKS)
def test_the_code_of_the_card_runs(name: str, tiny: Path, tmp_path: Path) -> None:
    estimator = fitted(tiny, name)
    card = saved_card(estimator, tmp_path).replace("DIRECTORY", str(tmp_path))
    ours, theirs = re.findall(r"^```python\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)
    namespace: dict[str, Any] = {}
    exec(ours, namespace)
    exec(theirs, namespace)
    if name in ("labels", "pairs"):
        text = PAIRS[0] if name == "pairs" else TEXTS[0]
        example = {"text": text[0], "text_pair": text[1]} if name == "pairs" else text
        (expected,) = estimator.predict_proba([text])
        (got,) = namespace["predict"]([example])
        assert got["label"] == estimator.classes_[expected.argmax()]
        assert got["score"] == pytest.approx(expected.max(), abs=1e-5)
    elif name == "numbers":
        (number,) = estimator.predict(TEXTS[:1])
        assert namespace["predict"](TEXTS[0])[0]["score"] == pytest.approx(number, rel=1e-4)
