"""The model card of a trained estimator (Mitchell et al., 2019): a README.md with metadata."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sklearn

from skdistilbert.exceptions import warn_user
from skdistilbert.files.generated_readme import README_FILE, generated_readme, is_generated
from skdistilbert.files.hub import BUNDLED_MODEL
from skdistilbert.number_checks import is_finite_number
from skdistilbert.version import __version__

if TYPE_CHECKING:
    from skdistilbert.models import DistilBertModel

MAX_LABELS = 100


class Task(NamedTuple):
    """A task, the estimator for it, and its name on the Hugging Face hub."""

    output: str
    estimator: str
    pipeline_tag: str


ON_TEXTS, ON_WORDS = "text-classification", "token-classification"
# By the `problem_type` of a head on texts, or by the head on words.
TASKS = {
    "single_label_classification": Task("a label for each text", "DistilBertClassifier", ON_TEXTS),
    "multi_label_classification": Task("labels for each text", "DistilBertClassifier", ON_TEXTS),
    "regression": Task("numbers for each text", "DistilBertRegressor", ON_TEXTS),
    "token_classification": Task("a label for each word", "DistilBertTokenClassifier", ON_WORDS),
}


@dataclass(frozen=True)
class ModelCard:
    """The facts that the card of a trained estimator states.

    Parameters
    ----------
    model : DistilBertModel
        The encoder with its head.
    base_model : str or path-like
        The parameter `model` of the estimator.
    revision : str or None
        The commit of a base model on the Hugging Face hub.
    n_texts : int or None
        Number of texts in the last call of `fit`, if known.
    reads_pairs : bool
    scores : mapping of str to float
    """

    model: DistilBertModel
    base_model: str | os.PathLike[str]
    revision: str | None
    n_texts: int | None
    reads_pairs: bool
    scores: Mapping[str, float]

    @property
    def is_on_words(self) -> bool:
        """Whether the head predicts labels of words."""
        return self.model.head == "token_classification"

    @property
    def task(self) -> Task:
        """The task of the head."""
        problem_type = self.model.config.problem_type
        return TASKS["token_classification" if self.is_on_words else str(problem_type)]

    @property
    def is_equal_in_transformers(self) -> bool:
        """Whether transformers computes the same logits."""
        return self.is_on_words or self.model.config.sklearn_pooling == "cls"

    @property
    def hub_name(self) -> str | None:
        """The name of the base model on the hub; None for a directory."""
        # A fitted estimator may use a local copy of a model from the hub.
        is_local = self.revision is None or Path(self.base_model).is_dir()
        return None if is_local else os.fspath(self.base_model).partition("@")[0]

    def render(self) -> str:
        """Return the Markdown text with its YAML front matter."""
        output = self.task.output.replace("text", "pair of texts" if self.reads_pairs else "text")
        introduction = (
            f"This model predicts {output}. The Python package skdistilbert trained it as a "
            f"`{self.task.estimator}`."
        )
        title = f"# Model for {self.task.pipeline_tag.replace('-', ' ')}"
        sections = [self._front_matter(), title, introduction, self._facts()]
        if self.scores:
            scores = {code(name): f"{value:.6g}" for name, value in self.scores.items()}
            sections += ["## Scores", _bullets(scores)]
        return "\n\n".join([*sections, *self._usage()]) + "\n"

    def _front_matter(self) -> str:
        library = "transformers" if self.is_equal_in_transformers else "skdistilbert"
        lines = [f"library_name: {library}"]
        if self.hub_name:
            lines.append(f"base_model: {json.dumps(self.hub_name)}")
        lines.append(f"pipeline_tag: {self.task.pipeline_tag}")
        tags = ("skdistilbert", "scikit-learn", self.model.config.model_type)
        return "\n".join(["---", *lines, "tags:", *(f"- {tag}" for tag in tags), "---"])

    def _facts(self) -> str:
        facts = {"Base model": self._base_model()} | self._outputs()
        if self.n_texts is not None:
            facts["Training texts"] = f"{self.n_texts:,}"
        versions = {"skdistilbert": __version__, "Python": platform.python_version()}
        versions |= {"NumPy": np.__version__, "scikit-learn": sklearn.__version__}
        facts["Saved with"] = ", ".join(" ".join(item) for item in versions.items())
        return _bullets(facts)

    def _base_model(self) -> str:
        if self.hub_name:
            url = f"https://huggingface.co/{self.hub_name}"
            return f"[{code(self.hub_name)}]({url}), commit {code(str(self.revision))}"
        if self.base_model == BUNDLED_MODEL:
            return f"{code(BUNDLED_MODEL)}, which is part of skdistilbert"
        # The rest of a path could reveal private names.
        return f"the directory {code(Path(self.base_model).resolve().name)}"

    def _outputs(self) -> dict[str, str]:
        names = [code(label) for _, label in sorted(self.model.config.id2label.items())]
        if self.task is TASKS["regression"]:
            return {"Outputs": str(len(names))}
        n_others = len(names) - MAX_LABELS
        others = f" and {n_others} others in `config.json`" if n_others > 0 else ""
        return {f"Labels ({len(names)})": ", ".join(names[:MAX_LABELS]) + others}

    def _usage(self) -> list[str]:
        estimator, tag, options = self.task.estimator, self.task.pipeline_tag, ""
        ours = theirs = '"a text"'
        if self.is_on_words:
            ours, options = '["some", "words"]', ', aggregation_strategy="first"'
        elif self.reads_pairs:
            ours, theirs = '("a text", "another")', '{"text": "a text", "text_pair": "another"}'
        return [
            "## Use",
            "Replace `DIRECTORY` by the path of this directory, or by its name on the hub.",
            _python(
                f"from skdistilbert import {estimator}",
                f'estimator = {estimator}.from_pretrained("DIRECTORY")',
                f"estimator.predict([{ours}])",
            ),
            self._about_transformers(),
            _python(
                "from transformers import pipeline",
                f'predict = pipeline("{tag}", "DIRECTORY"{options})',
                f"predict({theirs})",
            ),
        ]

    def _about_transformers(self) -> str:
        if self.is_equal_in_transformers:
            return "transformers computes the same logits:"
        return (
            f'The head was trained with `pooling="{self.model.config.sklearn_pooling}"`. '
            "transformers loads the model, but always passes the state of [CLS] to the head, so "
            "its predictions differ from those of skdistilbert:"
        )


def card_files(directory: str | os.PathLike[str], card: ModelCard) -> dict[str, bytes | None]:
    """Return the file of a card by its name; nothing if the directory has another README.md.

    Warns
    -----
    UserWarning
        If the directory has a README.md that this package has not written, or that was changed.
    """
    file = Path(directory) / README_FILE
    if file.exists() and not is_generated(file):
        warn_user(
            f"{file} was kept, because skdistilbert did not write it or it was changed since. It "
            "may describe other weights. Delete it to get a new model card."
        )
        return {}
    return {README_FILE: generated_readme(card.render())}


def check_scores(scores: object) -> dict[str, float]:
    """Return scores by name; None is no scores."""
    if scores is None:
        return {}
    if not isinstance(scores, Mapping) or not all(isinstance(name, str) for name in scores):
        raise TypeError(
            f"scores must map names to numbers, such as {{'accuracy': 0.93}}; got {scores!r:.99}."
        )
    return {name: _check_score(name, value) for name, value in scores.items()}


def _check_score(name: str, value: Any) -> float:  # noqa: ANN401
    if not is_finite_number(value):
        raise ValueError(f"scores[{name!r:.99}] must be a finite number; got {value!r:.99}.")
    return float(value)


def code(text: str) -> str:
    """Return any text as a code span of Markdown, in which nothing is markup."""
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    is_plain = shown and not longest and shown == shown.strip()
    return f"`{shown}`" if is_plain else f"{fence} {shown} {fence}"


def _bullets(items: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in items.items())


def _python(imports: str, *lines: str) -> str:
    return "\n".join(["```python", imports, "", *lines, "```"])
