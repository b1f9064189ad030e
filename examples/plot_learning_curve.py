"""
Accuracy by number of labels
============================

The plot shows the accuracy on unseen support requests by the number of labelled requests, for
features of a pretrained encoder and for TF-IDF, both with logistic regression. Pretrained features
help most if there are few labels. With many labels TF-IDF may be as accurate, and is much faster.

    python examples/plot_learning_curve.py [--model DIRECTORY_OR_NAME] [--output FILE.png]

Needs matplotlib (extra ``examples``).
"""

# %%
# The default is the bundled model.
import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from quickstart import read_requests
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LearningCurveDisplay, StratifiedShuffleSplit
from sklearn.pipeline import make_pipeline

from skdistilbert import DistilBertEmbedder

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
parser.add_argument("--output", type=Path, default="learning_curve.png")
options = parser.parse_args()

# %%
# Each of 20 splits holds out a quarter of the requests and trains on increasing parts of the rest.
# With a cache each text is encoded once instead of once in each of the 120 fits.
texts, intents = read_requests()
splits = StratifiedShuffleSplit(20, test_size=0.25, random_state=0)
figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
with tempfile.TemporaryDirectory() as directory:
    embedder = DistilBertEmbedder(options.model, normalize=True, embedding_cache=directory)
    for name, features in (("DistilBertEmbedder", embedder), ("TF-IDF", TfidfVectorizer())):
        display = LearningCurveDisplay.from_estimator(
            make_pipeline(features, LogisticRegression(C=10)),
            texts,
            intents,
            train_sizes=[8, 16, 32, 48, 72, 96],
            cv=splits,
            shuffle=True,
            random_state=0,
            score_type="test",
            ax=axes,
            line_kw={"marker": "o"},
        )
        display.lines_[0].set_label(name)
        print(name, *np.round(display.test_scores.mean(axis=1), 3))

# %%
# The bands are one standard deviation over the 20 splits.
axes.axhline(1 / len(set(intents)), color="gray", linestyle=":", label="guessing")
axes.set(
    title=f"Sorting support requests into {len(set(intents))} intents",
    xlabel="labelled requests to learn from",
    ylabel="accuracy on 32 unseen requests",
    ylim=(0, 1.02),
)
axes.legend(loc="lower right")
figure.savefig(options.output, dpi=120)
print(f"wrote {options.output}")
