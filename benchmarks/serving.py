"""Measure examples/serve.py: texts per second and latency with 1, 4 and 16 clients.

    python -m benchmarks.serving [--seconds 3] [--rounds 3]

Each client sends requests with one text to ``/embed``, one after another over one connection. The
clients and the service share the processor. The peer is the same service, which embeds with ONNX
Runtime, padding and the same weights.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.engines import OnnxRuntime, export_onnx
from benchmarks.measuring import ROOT
from skdistilbert import DistilBertEmbedder, WordPieceTokenizer, load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Embed = Callable[[list[str]], NDArray[np.float32]]

sys.path.append(str(ROOT / "examples"))
SERVICES = ("skdistilbert", "without batches", "ONNX Runtime")
HEADERS = {"Content-Type": "application/json"}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--services", nargs="+", default=SERVICES, choices=SERVICES)
    parser.add_argument("--serve", nargs=2, metavar=("SERVICE", "DIRECTORY"))
    options = parser.parse_args(arguments)
    if options.serve:
        serve(*options.serve)
        return
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        load_model("mini").save_pretrained(directory, WordPieceTokenizer.from_pretrained("mini"))
        if "ONNX Runtime" in options.services:
            export_onnx(Path(directory))
        ports = {x: stack.enter_context(running(x, directory)) for x in options.services}
        print("service         clients  texts/s   median  99th percentile")
        for n_clients in (1, 4, 16):
            seconds: dict[str, list[float]] = {service: [] for service in ports}
            for _ in range(options.rounds):
                for service, port in ports.items():
                    measure(port, n_clients, 0.1)  # warm-up
                    seconds[service] += measure(port, n_clients, options.seconds)
            for service, measured in seconds.items():
                rate = len(measured) / options.seconds / options.rounds
                median, slow = 1000 * np.percentile(measured, [50, 99])
                latency = f"{median:>5.1f} ms {slow:>6.1f} ms"
                print(f"{service:<15} {n_clients:>7} {rate:>8.0f} {latency}", flush=True)


def serve(service: str, directory: str) -> None:
    """Run a service on a free port."""
    import uvicorn
    from serve import MAX_BATCH, make_app  # type: ignore[import-not-found]
    from sklearn.linear_model import LogisticRegression

    ours = DistilBertEmbedder(directory, pooling="mean", normalize=True)
    texts = requests()
    embeddings = ours.fit_transform(texts)
    embed: Embed = ours.transform
    if service == "ONNX Runtime":
        embed = embed_with_onnx(directory)
        np.testing.assert_allclose(embed(texts), embeddings, atol=1e-5)
    head = LogisticRegression().fit(embeddings, np.arange(len(texts)) % 2)
    app = make_app(embed, head, 1 if service == "without batches" else MAX_BATCH)
    uvicorn.run(app, port=0, access_log=False)


def embed_with_onnx(directory: str) -> Embed:
    """Return a function that embeds texts with ONNX Runtime."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(str(Path(directory) / "vocab.txt"))
    tokenizer.enable_padding()
    engine = OnnxRuntime(directory)

    def embed(texts: list[str]) -> NDArray[np.float32]:
        batch = tokenizer.encode_batch(texts)
        inputs = {"input_ids": [x.ids for x in batch]}
        inputs["attention_mask"] = [x.attention_mask for x in batch]
        typed = {name: np.array(inputs[name], dtype) for name, dtype in engine.types.items()}
        (states,) = engine.session.run(None, typed)
        sums = (states * np.array(inputs["attention_mask"], np.float32)[..., None]).sum(1)
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True))

    return embed


@contextmanager
def running(service: str, directory: str) -> Iterator[int]:
    """Start a service in a new process, yield its port, and stop it."""
    command = [sys.executable, "-m", "benchmarks.serving", "--serve", service, directory]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        ports = (re.search(r"http://127\.0\.0\.1:(\d+)", line) for line in process.stderr)
        yield next(int(port[1]) for port in ports if port)
        process.terminate()
        process.communicate()


def measure(port: int, n_clients: int, duration: float) -> list[float]:
    """Return the seconds of each request of several clients."""
    texts, seconds, deadline = requests(), [], time.perf_counter() + duration

    def run_client(client: int) -> None:
        with closing(HTTPConnection("127.0.0.1", port)) as connection:
            index = client
            while (start := time.perf_counter()) < deadline:
                body = json.dumps({"texts": [texts[index % len(texts)]]})
                connection.request("POST", "/embed", body, HEADERS)
                response = connection.getresponse()
                response.read()
                assert response.status == 200, response.status
                seconds.append(time.perf_counter() - start)
                index += n_clients

    clients = [threading.Thread(target=run_client, args=(i,)) for i in range(n_clients)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return seconds


def requests() -> list[str]:
    from quickstart import read_requests  # type: ignore[import-not-found]

    texts: list[str] = read_requests()[0]
    return texts


if __name__ == "__main__":
    main()
