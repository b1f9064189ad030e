"""Embed a table on two worker processes of a Ray cluster.

    python examples/embed_with_ray.py [--model DIRECTORY_OR_NAME]

Needs the extra ``ray``. The cluster has 2 workers on this machine. For another cluster, give
``ray.init`` its address. The workers receive the embedder without weights. Each worker reads the
weights from the path of the model, so all workers must be able to read it.
"""

from __future__ import annotations

import argparse

import numpy as np
import ray
from quickstart import read_requests

from skdistilbert import DistilBertEmbedder

N_WORKERS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    model = parser.parse_args().model
    texts, _ = read_requests()
    # Each worker embeds on one thread, because there is one worker per processor.
    embedder = DistilBertEmbedder(model, normalize=True, n_threads=1)

    def embed(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"row": batch["row"], "embedding": embedder.transform(batch["text"])}

    ray.init(num_cpus=N_WORKERS, include_dashboard=False)
    try:
        rows = [{"row": row, "text": text} for row, text in enumerate(texts)]
        table = ray.data.from_items(rows, override_num_blocks=2 * N_WORKERS)
        result = table.map_batches(embed, batch_size=None).to_pandas()
    finally:
        ray.shutdown()
    embeddings = np.stack(result.sort_values("row")["embedding"])
    np.testing.assert_allclose(embeddings, embedder.fit_transform(texts), atol=1e-5)
    print(f"embedded {len(embeddings)} requests: {embeddings.shape[1]} features each, as here")


if __name__ == "__main__":
    main()
