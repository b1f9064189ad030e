"""Classify support requests by intent, and find similar requests.

    python examples/quickstart.py [--model DIRECTORY_OR_NAME]

The script trains on the 128 requests in support_requests.csv and compares with TF-IDF.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from skdistilbert import DistilBertEmbedder

NEW_REQUESTS = (
    "the postman never came",
    "why did you take 20 euros from my card?",
    "i can't get into my profile any more",
    "it broke after a day, i want my money back",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    model = parser.parse_args().model
    texts, intents = read_requests()

    tfidf = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10))
    ours = make_pipeline(DistilBertEmbedder(model, normalize=True), LogisticRegression(C=10))
    print(f"{len(texts)} requests, {len(set(intents))} intents; accuracy in cross-validation:")
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for name, pipeline in (("TF-IDF", tfidf), ("DistilBertEmbedder", ours)):
        scores = cross_val_score(pipeline, texts, intents, cv=folds)
        print(f"  {name:<20} {scores.mean():.3f} +- {scores.std():.3f}")

    print("\nNew requests:")
    ours.fit(texts, intents)
    probabilities = ours.predict_proba(NEW_REQUESTS)
    for request, row in zip(NEW_REQUESTS, probabilities, strict=True):
        print(f"  {ours.classes_[row.argmax()]:<9} {row.max():.2f}  {request}")

    print(f"\nNearest to {NEW_REQUESTS[-1]!r}:")
    embedder = ours[0]
    similarities = embedder.transform(texts) @ embedder.transform(NEW_REQUESTS[-1:])[0]
    for index in np.argsort(-similarities)[:3]:
        print(f"  {similarities[index]:.2f}  {texts[index]}")


def read_requests() -> tuple[list[str], list[str]]:
    file = Path(__file__).with_name("support_requests.csv")
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    return [row["text"] for row in rows], [row["intent"] for row in rows]


if __name__ == "__main__":
    main()
