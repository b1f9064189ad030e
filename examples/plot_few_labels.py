"""
Few labels per class
====================

The plot shows the accuracy on unseen support requests by the number of labelled requests of each
intent. `DistilBertZeroShotClassifier` needs only the names of the intents.
`DistilBertContrastiveEmbedder` trains the encoder on the labelled requests, so that requests with
the same intent get similar features. This helps where pretrained features do not separate the
classes, such as kinds of questions. Pretrained features separate these intents well, so training
does not help.

    python examples/plot_few_labels.py [--model DIRECTORY_OR_NAME] [--output FILE.png]

Needs matplotlib (extra ``examples``).
"""

# %%
# The default is the bundled model.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from quickstart import read_requests
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdistilbert import (
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertZeroShotClassifier,
)

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
parser.add_argument("--output", type=Path, default="few_labels.png")
options = parser.parse_args()

# %%
# The same classifier follows each kind of features.
texts, intents = map(np.array, read_requests())
features = {
    "DistilBertContrastiveEmbedder": DistilBertContrastiveEmbedder(options.model, random_state=0),
    "DistilBertEmbedder": DistilBertEmbedder(options.model, normalize=True),
    "TF-IDF": TfidfVectorizer(),
}
pipelines = {
    name: make_pipeline(transformer, LogisticRegression(C=10))
    for name, transformer in features.items()
}

# %%
# A draw takes some requests of each intent for training and tests on all others.
sizes, n_draws = (2, 4, 8, 16), 3
scores = np.zeros((len(pipelines), len(sizes), n_draws))
for draw in range(n_draws):
    order = np.random.default_rng(draw).permutation(len(texts))
    ranks = np.array([np.sum(intents[order[:i]] == intents[row]) for i, row in enumerate(order)])
    for column, size in enumerate(sizes):
        train, test = order[ranks < size], order[ranks >= size]
        for index, pipeline in enumerate(pipelines.values()):
            pipeline.fit(texts[train], intents[train])
            scores[index, column, draw] = pipeline.score(texts[test], intents[test])

# %%
# The classifier without labels has one accuracy.
figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
for name, accuracy in zip(pipelines, scores, strict=True):
    mean, deviation = accuracy.mean(axis=1), accuracy.std(axis=1)
    axes.plot(sizes, mean, marker="o", label=name)
    axes.fill_between(sizes, mean - deviation, mean + deviation, alpha=0.2)
    print(name, *np.round(mean, 3))
zero_shot = DistilBertZeroShotClassifier(options.model, classes=sorted(set(intents)))
accuracy = zero_shot.fit().score(texts, intents)
axes.axhline(
    accuracy, color="gray", linestyle=":", label="DistilBertZeroShotClassifier, no labels"
)
print("DistilBertZeroShotClassifier", round(accuracy, 3))
axes.set(
    title=f"Sorting support requests into {len(set(intents))} intents",
    xlabel="labelled requests of each intent",
    ylabel="accuracy on the other requests",
    xscale="log",
    ylim=(0, 1.02),
)
axes.set_xticks(sizes, [str(size) for size in sizes])
axes.minorticks_off()
axes.legend(loc="lower right")
figure.savefig(options.output, dpi=120)
print(f"wrote {options.output}")
