"""
Active learning
===============

Which requests should a person label next? The plot compares two answers by the accuracy on unseen
requests: random requests, and the requests about whose intent the classifier is least certain.
Both start with the same 8 random requests, and each round adds 4 labels.

    python examples/plot_active_learning.py [--model DIRECTORY_OR_NAME] [--output FILE.png]

Needs matplotlib (extra ``examples``).
"""

# %%
# The default is the bundled model. Labels do not change the embeddings, so they are computed once.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from quickstart import read_requests
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skdistilbert import DistilBertEmbedder

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
parser.add_argument("--output", type=Path, default="active_learning.png")
options = parser.parse_args()
texts, intents = map(np.array, read_requests())
embeddings = DistilBertEmbedder(options.model, normalize=True).fit_transform(texts)

# %%
# Each draw holds out 52 requests. The other 76 wait for labels.
sizes, n_draws = range(8, 49, 4), 10


def accuracies(seed: int, chooses_uncertain: bool) -> list[float]:
    waiting, test = train_test_split(
        np.arange(len(texts)), test_size=0.4, stratify=intents, random_state=seed
    )
    scores, labelled = [], waiting[: sizes[0]]
    for _ in sizes:
        classifier = LogisticRegression(C=10).fit(embeddings[labelled], intents[labelled])
        scores.append(classifier.score(embeddings[test], intents[test]))
        waiting = np.setdiff1d(waiting, labelled, assume_unique=True)
        highest = classifier.predict_proba(embeddings[waiting]).max(axis=1)
        order = np.argsort(highest) if chooses_uncertain else np.arange(len(waiting))
        labelled = np.concatenate([labelled, waiting[order[: sizes.step]]])
    return scores


# %%
# The bands are one standard deviation over the draws. With many labels both choices are similar,
# because most of the waiting requests are labelled.
figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
for name, chooses_uncertain in (("least certain requests", True), ("random requests", False)):
    scores = np.array([accuracies(seed, chooses_uncertain) for seed in range(n_draws)])
    mean, deviation = scores.mean(axis=0), scores.std(axis=0)
    axes.plot(sizes, mean, marker="o", label=name)
    axes.fill_between(sizes, mean - deviation, mean + deviation, alpha=0.2)
    print(f"{name:<22}", *(f"{score:.2f}" for score in mean))
axes.set(
    title="Which support requests to label next?",
    xlabel="labelled requests",
    ylabel="accuracy on 52 unseen requests",
    ylim=(0, 1.02),
)
axes.legend(loc="lower right")
figure.savefig(options.output, dpi=120)
print(f"wrote {options.output}")
