"""
Why this intent?
================

Which words of a support request led to its predicted intent? The script masks each word and
measures how much the score of the intent falls. It prints the most important words of each intent,
writes the requests with shaded words to an HTML page, and draws bars for two new requests.

    python examples/plot_why.py [--model DIRECTORY_OR_NAME] [--output FILE.png]

Needs matplotlib (extra ``examples``).
"""

# %%
# The default is the bundled model. Half of the requests are for training.
import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from quickstart import read_requests
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skdistilbert import AttributionDisplay, DistilBertEmbedder

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="mini", help="a directory, or a name on the hub")
parser.add_argument("--output", type=Path, default=Path("why.png"))
options = parser.parse_args()
texts, intents = read_requests()
train_texts, test_texts, train_intents, _ = train_test_split(
    texts, intents, test_size=0.5, stratify=intents, random_state=0
)
pipeline = make_pipeline(DistilBertEmbedder(options.model), LogisticRegression(max_iter=1000))
pipeline.fit(train_texts, train_intents)

# %%
# The display explains any estimator that reads texts. Here all variants of all requests are
# predicted in one call.
display = AttributionDisplay.from_estimator(pipeline, test_texts)
for intent, words in display.summary(top=5).items():
    print(f"{intent}: {', '.join(f'{x.word} ({x.n_texts})' for x in words)}")

# %%
# In a notebook, a cell that ends with ``display`` shows the requests with shaded words.
page = options.output.with_suffix(".html")
page.write_text(f'<meta charset="utf-8">{display._repr_html_()}', encoding="utf-8")

# %%
# Two new requests mention two intents. Blue words raise the score of the predicted intent, and
# orange, hatched words lower it.
requests = ["Why was I charged twice for one parcel?", "The courier came, but I want a refund."]
new = AttributionDisplay.from_estimator(pipeline, requests)
figure, axes = plt.subplots(2, figsize=(7, 7), layout="constrained")
for row, (ax, request) in enumerate(zip(axes, requests, strict=True)):
    new.plot(ax, text=row)
    ax.set_title(f"{request}\n{ax.get_title()}", fontsize=9)
figure.savefig(options.output, dpi=120)
print(f"wrote {options.output} and {page}")
