"""Label support requests without labelled texts, and leave the uncertain ones to people.

    python examples/zero_shot.py [--model MODEL]

The script compares names of the intents with descriptions. The labels in support_requests.csv
serve only to measure the accuracy.
"""

from __future__ import annotations

import argparse

from quickstart import NEW_REQUESTS, read_requests
from sklearn.metrics import log_loss

from skdistilbert import DistilBertZeroShotClassifier

DESCRIPTIONS = {
    "account": ["I cannot log in.", "I want to change my email address."],
    "billing": ["I was charged wrongly.", "I need an invoice."],
    "delivery": ["Where is my parcel?", "My order arrived late."],
    "returns": ["I want my money back.", "How do I send an item back?"],
}
CERTAIN = 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    model = parser.parse_args().model
    texts, intents = read_requests()
    for name, classes in (("names", list(DESCRIPTIONS)), ("descriptions", DESCRIPTIONS)):
        classifier = DistilBertZeroShotClassifier(model, classes=classes).fit()
        probabilities = classifier.predict_proba(texts)
        is_right = classifier.classes_[probabilities.argmax(axis=1)] == intents
        is_certain = probabilities.max(axis=1) >= CERTAIN
        print(
            f"{name:<13} accuracy {is_right.mean():.3f}, log loss "
            f"{log_loss(intents, probabilities):.3f}; {is_certain.sum()} of {len(texts)} have a "
            f"probability of at least {CERTAIN}, of these {is_right[is_certain].mean():.1%} right"
        )
    probabilities = classifier.predict_proba(NEW_REQUESTS)
    for request, row in zip(NEW_REQUESTS, probabilities, strict=True):
        label = classifier.classes_[row.argmax()] if row.max() >= CERTAIN else "?"
        print(f"  {label:<9} {row.max():.2f}  {request}")


if __name__ == "__main__":
    main()
