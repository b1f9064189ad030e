"""Search support requests by their embeddings, and rerank the results with a cross-encoder.

    python examples/search_and_rerank.py [--model MODEL] [--encoder ENCODER] [--cache FILE]

The corpus has 80 requests, and the other 48 in support_requests.csv are queries. A document is
relevant if it has the intent of the query. The embeddings of the corpus are computed once. A
cross-encoder reads query and document together, which takes longer, so it only scores the
documents that are most similar to the query.

The script fits the cross-encoder on pairs of requests in the corpus: each request with the most
similar requests of its intent, and with the most similar requests of other intents. With --model,
the script uses another cross-encoder with one label, such as cross-encoder/ms-marco-MiniLM-L6-v2,
which was not trained on the intents. For comparison, the script also trains the encoder on the
intents of the corpus and retrieves with it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from quickstart import NEW_REQUESTS, read_requests
from sklearn.model_selection import train_test_split

from skdistilbert import (
    DistilBertContrastiveEmbedder,
    DistilBertEmbedder,
    DistilBertRegressor,
    score_pairs,
    semantic_search,
)

RETRIEVED = 16
PAIRS_PER_REQUEST = 5  # with the same intent, and as many with other intents


def main() -> None:
    arguments = parse_arguments()
    requests, intents = map(np.array, read_requests())
    corpus, queries, of_corpus, of_queries = train_test_split(
        requests, intents, test_size=48, stratify=intents, random_state=0
    )
    queries = np.append(queries, NEW_REQUESTS)  # without known intents
    with TemporaryDirectory() as until_the_end:
        cache = arguments.cache or Path(until_the_end) / "embeddings.sqlite"
        embedder = DistilBertEmbedder(arguments.encoder, normalize=True, embedding_cache=cache)
        embeddings = embedder.transform(corpus)
        _, retrieved = semantic_search(embedder.transform(queries), embeddings, RETRIEVED)

    pairs = [(queries[i], corpus[row]) for i, rows in enumerate(retrieved) for row in rows]
    if arguments.model:
        scores = score_pairs(arguments.model, pairs)
    else:
        known_pairs = labelled_pairs(corpus, of_corpus, embeddings)
        scores = fit_cross_encoder(arguments.encoder, *known_pairs).predict(pairs)
    order = np.argsort(-scores.reshape(retrieved.shape), axis=1, kind="stable")
    reranked = np.take_along_axis(retrieved, order, axis=1)

    tuned = DistilBertContrastiveEmbedder(arguments.encoder, random_state=0)
    tuned.fit(corpus, of_corpus)
    _, by_tuned = semantic_search(tuned.transform(queries), tuned.transform(corpus), RETRIEVED)

    print(f"{len(of_queries)} queries, {len(corpus)} documents, {RETRIEVED} retrieved per query:")
    print("  share of relevant documents  first  first 5  mean reciprocal rank")
    results = {"retrieved": retrieved, "reranked": reranked, "retrieved, trained": by_tuned}
    for name, rows in results.items():
        print(f"  {name:<27}  {evaluate(of_corpus[rows[: len(of_queries)]], of_queries)}")
    for query, before, after in list(zip(queries, retrieved, reranked, strict=True))[-4:]:
        print(f"{query}\n  retrieved  {corpus[before[0]]}\n  reranked   {corpus[after[0]]}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", help="cross-encoder: a directory, or a name on the hub")
    parser.add_argument(
        "--encoder", default="mini", help="a directory, or a name on the hub (default: mini)"
    )
    parser.add_argument("--cache", type=Path, help="file to keep the embeddings in")
    return parser.parse_args()


def labelled_pairs(
    texts: np.ndarray, intents: np.ndarray, embeddings: np.ndarray
) -> tuple[list[tuple[str, str]], list[float]]:
    """Return pairs of similar texts, and 1 for each pair with the same intent."""
    pairs, labels = [], []
    _, nearest = semantic_search(embeddings, embeddings, len(texts))
    for row, neighbours in enumerate(nearest):
        others = neighbours[neighbours != row]
        is_same = intents[others] == intents[row]
        for label, some in ((1.0, others[is_same]), (0.0, others[~is_same])):
            pairs += [(texts[row], text) for text in texts[some[:PAIRS_PER_REQUEST]]]
            labels += [label] * PAIRS_PER_REQUEST
    return pairs, labels


def fit_cross_encoder(
    encoder: str, pairs: list[tuple[str, str]], labels: list[float]
) -> DistilBertRegressor:
    print(f"The cross-encoder is fitted on {len(pairs)} pairs.")
    regressor = DistilBertRegressor(
        encoder, trainable_layers=2, learning_rate_init=5e-4, max_iter=4, random_state=0
    )
    return regressor.fit(pairs, labels)


def evaluate(found: np.ndarray, expected: np.ndarray) -> str:
    """Return the scores of ranked documents, given their intents and the intents of queries."""
    is_right = found == expected[:, None]
    first = np.where(is_right.any(axis=1), is_right.argmax(axis=1) + 1, np.inf)
    in_first, in_first_five = is_right[:, 0].mean(), is_right[:, :5].mean()
    return f"{in_first:.3f}    {in_first_five:.3f}                 {(1 / first).mean():.3f}"


if __name__ == "__main__":
    main()
