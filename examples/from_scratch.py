"""Train a vocabulary and a small DistilBERT from scratch, without any files.

    python examples/from_scratch.py [--output DIRECTORY]

The task is to name the destination of a trip. Each sentence has two cities, and only the order of
the words tells which one is the destination. The model learns this from 1,000 sentences, and a bag
of words does not. `load_model` and transformers load the directory given as --output.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdistilbert import (
    DistilBertClassifier,
    DistilBertConfig,
    DistilBertModel,
    WordPieceTokenizer,
)

CITIES = ("Berlin", "Lisbon", "London", "Oslo", "Paris", "Rome", "Sofia", "Vienna")
PATTERNS = (
    "{who} travels from {start} to {end}.",
    "{who} travels to {end} from {start}.",
    "Coming from {start}, {who} goes to {end}.",
    "{who} wants to see {end} after {start}.",
    "After {start}, {who} will visit {end}.",
    "{who} leaves {start} and flies to {end}.",
)
PEOPLE = ("Ana", "My sister", "The orchestra", "Our team", "Peter", "The ambassador")


def make_trips(n_trips: int, seed: int) -> tuple[list[str], list[str]]:
    """Return sentences and their destinations."""
    rng = Random(seed)
    trips = [rng.sample(CITIES, 2) for _ in range(n_trips)]
    texts = [
        rng.choice(PATTERNS).format(who=rng.choice(PEOPLE), start=start, end=end)
        for start, end in trips
    ]
    return texts, [end for _, end in trips]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, help="directory to keep the trained model in")
    output = parser.parse_args().output
    texts, destinations = make_trips(1000, seed=0)
    unseen, expected = make_trips(200, seed=1)

    tokenizer = WordPieceTokenizer.train(texts, vocab_size=200)
    print(f"{tokenizer.vocab_size} tokens, such as {' '.join(tokenizer.tokenize(texts[0]))}")
    config = DistilBertConfig(
        vocab_size=tokenizer.vocab_size, n_layers=2, dim=32, n_heads=4, hidden_dim=64
    )
    model = DistilBertModel.from_config(config, random_state=0)
    with TemporaryDirectory() as directory:
        model.save_pretrained(directory, tokenizer)
        classifier = DistilBertClassifier(
            directory,
            trainable_layers="all",
            pooling="cls",
            learning_rate_init=3e-3,
            max_iter=8,
            random_state=0,
        )
        classifier.fit(texts, destinations)
        words = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, destinations)
        print(f"accuracy on {len(unseen)} unseen sentences:")
        print(f"  bag of words        {words.score(unseen, expected):.3f}")
        print(f"  model from scratch  {classifier.score(unseen, expected):.3f}")
        if output:
            classifier.save_pretrained(output)


if __name__ == "__main__":
    main()
