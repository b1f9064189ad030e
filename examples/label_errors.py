"""Find wrong labels: texts whose label is improbable for a model that did not see them.

    python examples/label_errors.py [--model MODEL]

The script changes 13 of the 128 intents, which is about a tenth. Cross-validation predicts the
probabilities of each request without its own label. A person then reviews the requests in the
order of the probability of the given label, the lowest first.
"""

from __future__ import annotations

import argparse

import numpy as np
from quickstart import read_requests
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skdistilbert import DistilBertEmbedder

N_WRONG = 13


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    model = parser.parse_args().model
    texts, intents = map(np.array, read_requests())
    rng = np.random.default_rng(0)
    is_wrong = np.zeros(len(texts), bool)
    is_wrong[rng.choice(len(texts), N_WRONG, replace=False)] = True
    classes, labels = np.unique(intents, return_inverse=True)
    given = (labels + is_wrong * rng.integers(1, len(classes), len(texts))) % len(classes)

    # The embedder does not learn from labels, so it is not part of the cross-validation.
    embeddings = DistilBertEmbedder(model, normalize=True).fit_transform(texts)
    probabilities = cross_val_predict(
        LogisticRegression(),
        embeddings,
        given,
        cv=StratifiedKFold(10, shuffle=True, random_state=0),
        method="predict_proba",
    )
    of_given = probabilities[np.arange(len(texts)), given]
    order = np.argsort(of_given)
    print(f"{N_WRONG} of {len(texts)} labels are wrong.")
    for n_reviewed in (N_WRONG // 2, N_WRONG, 2 * N_WRONG):
        n_found = is_wrong[order[:n_reviewed]].sum()
        print(
            f"  reviewed {n_reviewed:>2}: {n_found:>2} wrong labels found, precision "
            f"{n_found / n_reviewed:.2f}, recall {n_found / N_WRONG:.2f}"
        )
    print("\nThe first requests to review, with the given and the most probable intent:")
    for row in order[:5]:
        suggested = classes[probabilities[row].argmax()]
        print(f"  {classes[given[row]]:<9} {suggested:<9} {texts[row]}")


if __name__ == "__main__":
    main()
