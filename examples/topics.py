"""Group requests into topics without labels, and describe each topic.

    python examples/topics.py [--model MODEL] [--topics NUMBER]

KMeans groups the embeddings. The characteristic words of a topic occur in a larger share of its
requests than of the other requests. The typical request is the nearest to the mean of its topic.
If BERTopic is installed, it also finds topics with the same embedder.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import numpy as np
from quickstart import read_requests
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from skdistilbert import DistilBertEmbedder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    parser.add_argument("--topics", type=int, default=6, help="(default: %(default)s)")
    options = parser.parse_args()
    texts, intents = read_requests()
    embedder = DistilBertEmbedder(options.model, normalize=True)
    embeddings = embedder.fit_transform(texts)
    topics = KMeans(options.topics, n_init=20, random_state=0).fit_predict(embeddings)

    vectorizer = CountVectorizer(stop_words="english", min_df=2, binary=True)
    has_word = vectorizer.fit_transform(texts).toarray()  # (n_texts, n_words)
    words = vectorizer.get_feature_names_out()
    for topic in np.argsort(-np.bincount(topics)):
        inside = topics == topic
        contrast = has_word[inside].mean(axis=0) - has_word[~inside].mean(axis=0)
        rows = np.flatnonzero(inside)
        typical = rows[np.argmax(embeddings[rows] @ embeddings[rows].mean(axis=0))]
        print(f"{len(rows)} requests: {', '.join(words[np.argsort(-contrast)[:5]])}")
        print(f"  {texts[typical]}")
    print(f"\nAgreement with the intents: {adjusted_rand_score(intents, topics):.2f}", end=" ")
    print("(adjusted Rand index; 0 is chance, 1 is equality)")
    if find_spec("bertopic"):
        print_bertopic(texts, embedder)


def print_bertopic(texts: list[str], embedder: DistilBertEmbedder) -> None:
    """Print the topics that BERTopic finds with the same embedder."""
    from bertopic import BERTopic

    model = BERTopic(
        embedding_model=make_pipeline(embedder),
        vectorizer_model=CountVectorizer(stop_words="english"),
        min_topic_size=5,
    )
    model.fit(texts)
    print(model.get_topic_info()[["Count", "Representation"]].to_string())


if __name__ == "__main__":
    main()
