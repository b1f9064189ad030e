"""
Confusion matrix of support requests
====================================

A grid search chooses the pooling and the regularisation of a pipeline. The matrix shows its
predictions for unseen support requests: rows are true intents, columns are predicted intents.

    python examples/plot_confusion_matrix.py [--model DIRECTORY_OR_NAME] [--output FILE.png]

Needs matplotlib (extra ``examples``).
"""

# %%
# The default is the bundled model.
import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from quickstart import read_requests
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from skdistilbert import DistilBertEmbedder

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
parser.add_argument("--output", type=Path, default="confusion_matrix.png")
options = parser.parse_args()

# %%
# With a cache the search encodes each text once per pooling, for any number of folds and
# candidates.
texts, intents = read_requests()
train_texts, test_texts, train_intents, test_intents = train_test_split(
    texts, intents, test_size=0.5, stratify=intents, random_state=0
)
grid = {"embedder__pooling": ["mean", "cls", "max"], "head__C": [0.1, 1, 10, 100]}
with tempfile.TemporaryDirectory() as directory:
    embedder = DistilBertEmbedder(options.model, normalize=True, embedding_cache=directory)
    pipeline = Pipeline([("embedder", embedder), ("head", LogisticRegression(max_iter=1000))])
    search = GridSearchCV(pipeline, grid, cv=4).fit(train_texts, train_intents)
    accuracy = search.score(test_texts, test_intents)
    predicted = search.predict(test_texts)
print(search.best_params_, f"accuracy {accuracy:.3f}")

# %%
# Read the requests in the largest cells that are not on the diagonal.
figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
ConfusionMatrixDisplay.from_predictions(test_intents, predicted, cmap="Blues", ax=axes)
chosen = search.best_params_
axes.set(
    title=f"{len(test_texts)} unseen requests: accuracy {accuracy:.2f} with\n"
    f"pooling={chosen['embedder__pooling']}, C={chosen['head__C']}",
    xlabel="predicted intent",
    ylabel="true intent",
)
figure.savefig(options.output, dpi=120)
print(f"wrote {options.output}")
for text, true, taken_for in zip(test_texts, test_intents, predicted, strict=True):
    if true != taken_for:
        print(f"  {true:<9} predicted as {taken_for:<9} {text}")
