"""Train a token classifier on labelled words, and find entities in running text.

    python examples/train_entities.py [--model MODEL]

The script fills templates of support requests with items and places, and trains on their words.
The requests for testing have other items, other places and other sentences.
"""

from __future__ import annotations

import argparse
from itertools import product

from skdistilbert import DistilBertTokenClassifier

TRAINING = (
    [
        "my {item} never arrived in {place}",
        "where is the {item} that I ordered from {place}",
        "the {item} is broken",
        "I live in {place} now",
        "can you ship a {item} to {place}",
        "please send my new {item} to my office in {place}",
        "is there a shop in {place} that sells a {item}",
        "please cancel my order",
        "how do I change my password",
    ],
    ["lamp", "coffee machine", "shoes", "phone case", "blue jacket", "printer"],
    ["London", "New York", "Berlin", "San Francisco", "Madrid", "Cape Town"],
)
TESTING = (
    [
        "a {item} is on its way to {place}",
        "they sent me the wrong {item}",
        "is the shop in {place} open",
        "I moved to {place} and need my {item}",
        "I forgot my login",
    ],
    ["kettle", "wool blanket", "laptop", "garden chair"],
    ["Paris", "Los Angeles", "Rome", "Buenos Aires"],
)
REQUESTS = (
    "Hello, the rice cooker that I bought in Amsterdam is broken.",
    "Could you send me a new umbrella to Hong Kong?",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    arguments = parser.parse_args()
    classifier = DistilBertTokenClassifier(arguments.model, max_iter=8, random_state=0)
    classifier.fit(*fill(*TRAINING))
    words, labels = fill(*TESTING)
    print(f"F1 of entities in {len(words)} other requests: {classifier.score(words, labels):.3f}")
    found = classifier.predict_entities(REQUESTS, aggregation_strategy="first")
    for text, entities in zip(REQUESTS, found, strict=True):
        print(text)
        for entity in entities:
            name = text[entity["start"] : entity["end"]]
            print(f"  {entity['entity_group']:<6} {entity['score']:.2f}  {name}")


def fill(
    templates: list[str], items: list[str], places: list[str]
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the words of distinct requests, and their labels."""
    requests = {}
    for template, item, place in product(templates, items, places):
        labelled = label_words(template, {"{item}": item, "{place}": place})
        requests[tuple(word for word, _ in labelled)] = [label for _, label in labelled]
    return [*map(list, requests)], [*requests.values()]


def label_words(template: str, names: dict[str, str]) -> list[tuple[str, str]]:
    """Replace the slots of a template, and return each word with the label "item" or "O"."""
    return [
        (word, part.strip("{}") if part in names else "O")
        for part in template.split()
        for word in names.get(part, part).split()
    ]


if __name__ == "__main__":
    main()
