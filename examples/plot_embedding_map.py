"""
A map of texts
==============

t-SNE projects the embeddings of 128 support requests to two dimensions and keeps neighbours
together. It does not use labels. The colours show the true intents of the requests.

    python examples/plot_embedding_map.py [--model DIRECTORY_OR_NAME] [--output FILE.png]

Needs matplotlib (extra ``examples``).
"""

# %%
# The default is the bundled model.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from quickstart import read_requests
from sklearn.manifold import TSNE

from skdistilbert import DistilBertEmbedder

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
parser.add_argument("--output", type=Path, default="embedding_map.png")
options = parser.parse_args()

# %%
# The distance between unit vectors depends only on their cosine.
texts, intents = read_requests()
embedder = DistilBertEmbedder(options.model, normalize=True)
embeddings = embedder.fit_transform(texts)
places = TSNE(perplexity=20, init="pca", random_state=0).fit_transform(embeddings)

# %%
# The star is the request nearest to the mean of its intent. The legend shows its text.
figure, axes = plt.subplots(figsize=(9, 8), layout="constrained")
for color, intent in enumerate(sorted(set(intents))):
    rows = np.flatnonzero(np.array(intents) == intent)
    typical = rows[np.argmax(embeddings[rows] @ embeddings[rows].mean(axis=0))]
    axes.scatter(
        *places[rows].T, color=f"C{color}", edgecolors="white", label=f"{intent}: {texts[typical]}"
    )
    axes.scatter(*places[typical], s=250, marker="*", color=f"C{color}", edgecolors="black")
axes.set(
    title=f"{len(texts)} support requests by meaning, coloured by intent",
    xlabel="t-SNE, first dimension",
    ylabel="t-SNE, second dimension",
)
figure.legend(title="intent, and its most typical request", loc="outside lower center")
figure.savefig(options.output, dpi=120)
print(f"wrote {options.output}")
