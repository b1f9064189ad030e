"""Embed a partitioned table and run a grid search on the workers of a Dask cluster.

    python examples/embed_with_dask.py [--model DIRECTORY_OR_NAME]

Needs the extra ``examples``. The cluster has 2 workers on this machine. For another cluster, give
``Client`` the address of its scheduler. The workers receive a pickle of less than 1 kB, which
contains the path of the checkpoint instead of the weights. Each worker maps the weights from this
path, so all workers must be able to read it. The pickle of a fitted embedder also contains the
hash of the weights, and a worker raises an error if the weights at the path differ.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

import dask.dataframe
import joblib
import numpy as np
import pandas as pd
from dask.distributed import Client, LocalCluster
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdistilbert import DistilBertEmbedder

REQUESTS = Path(__file__).with_name("support_requests.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    model = parser.parse_args().model
    requests = pd.read_csv(REQUESTS)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        TemporaryDirectory() as directory,
    ):
        embeddings = embed(model, dask.dataframe.from_pandas(requests, npartitions=4))
        here = DistilBertEmbedder(model, normalize=True).fit_transform(requests["text"])
        np.testing.assert_allclose(embeddings, here, atol=1e-5)
        print(f"embedded {len(embeddings)} requests: {embeddings.shape[1]} features each, as here")
        search = search_grid(model, requests, Path(directory))
        print(f"best: {search.best_params_}, accuracy {search.best_score_:.3f}")


def embed(model: str, requests: dask.dataframe.DataFrame) -> pd.DataFrame:
    """Embed each partition on the worker that holds it."""
    embedder = DistilBertEmbedder(model, normalize=True).set_output(transform="pandas")
    print(f"a pickle of the embedder takes {len(pickle.dumps(embedder))} bytes")
    names = embedder.get_feature_names_out()
    layout = pd.DataFrame(np.empty((0, len(names)), np.float32), columns=names)
    return requests["text"].map_partitions(embedder.transform, meta=layout).compute()


def search_grid(model: str, requests: pd.DataFrame, directory: Path) -> GridSearchCV:
    """Search on the workers; they share a cache, so that each text is encoded once."""
    embedder = DistilBertEmbedder(model, normalize=True, embedding_cache=directory)
    pipeline = make_pipeline(embedder, LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1, 10, 100]}, cv=5)
    with joblib.parallel_backend("dask"):
        return search.fit(requests["text"], requests["intent"])


if __name__ == "__main__":
    main()
