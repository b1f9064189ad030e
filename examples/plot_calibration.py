"""
Calibrated probabilities
========================

Is a request with a predicted probability of 0.8 classified correctly in 80 % of cases? The
embeddings have unit length. The default penalty of `LogisticRegression` is strong for such
features, so its probabilities are far too low. Temperature scaling multiplies the logits by one
number, which cross-validation chooses. Predicted intents do not change. The classifier can then
leave requests with a low probability to people.

    python examples/plot_calibration.py [--model DIRECTORY_OR_NAME] [--output FILE.png]

Needs matplotlib (extra ``examples``). Temperature scaling needs scikit-learn 1.8; older versions
use a sigmoid per intent.
"""

# %%
# The default is the bundled model. Labels do not change the embeddings, so they are computed once.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sklearn
from quickstart import read_requests
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import RepeatedStratifiedKFold

from skdistilbert import DistilBertEmbedder

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
parser.add_argument("--output", type=Path, default="calibration.png")
options = parser.parse_args()
texts, intents = map(np.array, read_requests())
embeddings = DistilBertEmbedder(options.model, normalize=True).fit_transform(texts).astype(float)

# %%
# Each request is predicted five times by a classifier that was trained on the other half.
has_temperature = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8)
method = "temperature" if has_temperature else "sigmoid"
raw = LogisticRegression()
calibrated = CalibratedClassifierCV(raw, method=method, cv=5, ensemble=False)
halves = RepeatedStratifiedKFold(n_splits=2, n_repeats=5, random_state=0)
splits = list(halves.split(texts, intents))
true = np.concatenate([intents[test] for _, test in splits])

# %%
# A point is the mean of a fifth of the predictions, which are ordered by probability.
figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="perfect calibration")
for name, classifier in (("LogisticRegression", raw), (f"calibrated by {method}", calibrated)):
    probabilities = np.concatenate(
        [
            classifier.fit(embeddings[train], intents[train]).predict_proba(embeddings[test])
            for train, test in splits
        ]
    )
    highest = probabilities.max(axis=1)
    is_right = classifier.classes_[probabilities.argmax(axis=1)] == true
    groups = np.array_split(np.argsort(highest), 5)
    means = [(highest[group].mean(), is_right[group].mean()) for group in groups]
    loss = log_loss(true, probabilities)
    axes.plot(*zip(*means, strict=True), marker="o", label=f"{name}, log loss {loss:.2f}")
    print(f"{name}: accuracy {is_right.mean():.3f}, log loss {loss:.3f}")
    for threshold in (0.5, 0.7, 0.9):
        is_certain = highest >= threshold
        accuracy = is_right[is_certain].mean() if is_certain.any() else np.nan
        print(f"  p >= {threshold}: {is_certain.mean():.1%} answered, accuracy {accuracy:.3f}")
axes.set(
    title="Reliability of predicted intents",
    xlabel="mean probability of the predicted intent",
    ylabel="accuracy",
    xlim=(0, 1.02),
    ylim=(0, 1.02),
    aspect="equal",
)
axes.legend(loc="lower right")
figure.savefig(options.output, dpi=120)
print(f"wrote {options.output}")
