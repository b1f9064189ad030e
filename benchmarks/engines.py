"""The engines that are compared: ours, torch, ONNX Runtime and sentence-transformers.

All load the same DistilBERT from one directory, written by `write_checkpoint` and `export_onnx`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from benchmarks.checkpoints import with_one_label
from benchmarks.measuring import from_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

FUSED_ONNX_FILE, INT8_ONNX_FILE = "model-fused.onnx", "model-fused-int8.onnx"


@dataclass(frozen=True)
class Padded:
    """Token ids and attention mask, (n_texts, seq_len) each."""

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]

    @classmethod
    def from_lists(cls, input_ids: Sequence[Sequence[int]]) -> Padded:
        """Pad with zeros on the right."""
        shape = len(input_ids), max(map(len, input_ids))
        padded, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, ids in enumerate(input_ids):
            padded[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        return cls(padded, mask)


@dataclass(frozen=True)
class Work:
    """The input of an engine and its output: states, pooled states, embeddings or scores."""

    output: Literal["states", "mean", "cls", "embeddings", "scores"]
    batches: Sequence[Padded] = ()  # for engines that pad
    input_ids: Sequence[Sequence[int]] = ()  # for ours
    texts: Sequence[str] = ()
    pairs: Sequence[tuple[str, str]] = ()

    def beginning(self) -> Work:
        """Return a small part of the work, for the warm-up."""
        few = {"batches": self.batches[:1], "input_ids": self.input_ids[:32]}
        return replace(self, **few, texts=self.texts[:32], pairs=self.pairs[:32])


class Ours:
    """skdistilbert.

    With a library or a precision, a warning that it cannot be used is an error.
    """

    def __init__(self, directory: str, library: str = "", **options: str) -> None:
        from skdistilbert import TruncationWarning, WordPieceTokenizer, load_model

        if library:
            os.environ["SKDISTILBERT_MATMUL"] = library
        if library or options:
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("ignore", TruncationWarning)
        self.model = load_model(directory, **options)  # no options for older checkouts
        self.tokenizer = WordPieceTokenizer.from_pretrained(directory)

    def run(self, work: Work) -> None:
        from skdistilbert import embed

        if work.output == "scores":
            from skdistilbert import score_pairs  # absent in older checkouts

            score_pairs(with_one_label(self.model), self.tokenizer, work.pairs)
        elif work.output == "embeddings":
            embed(self.model, self.tokenizer, list(work.texts), pooling="mean")
        elif work.output == "states":
            for batch in work.batches:
                self.model(batch.input_ids, batch.attention_mask)
        else:
            self.model.pooled(work.input_ids, work.output)


class Torch:
    """transformers on torch, with its fused attention (sdpa)."""

    def __init__(self, directory: str, dtype: str = "float32") -> None:
        import torch
        from transformers import AutoModel

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        model = AutoModel.from_pretrained(directory, attn_implementation="sdpa").eval()
        self.model = model.to(getattr(torch, dtype))

    def run(self, work: Work) -> None:
        import torch

        with torch.inference_mode():
            for batch in work.batches:
                mask = torch.from_numpy(batch.attention_mask)
                states = self.model(torch.from_numpy(batch.input_ids), mask).last_hidden_state
                if work.output == "mean":
                    weights = mask[..., None].to(states.dtype)
                    (states * weights).sum(1) / weights.sum(1)
                elif work.output == "cls":
                    states[:, 0].clone()


class OnnxRuntime:
    """ONNX Runtime on the graph that its own optimiser fused, or on its copy in int8."""

    def __init__(self, directory: str, file: str = FUSED_ONNX_FILE) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            str(Path(directory) / file), options, providers=["CPUExecutionProvider"]
        )
        self.types = {
            node.name: np.int32 if "int32" in node.type else np.int64
            for node in self.session.get_inputs()
        }

    def run(self, work: Work) -> None:
        for batch in work.batches:
            inputs = {
                name: getattr(batch, name).astype(dtype) for name, dtype in self.types.items()
            }
            (states,) = self.session.run(None, inputs)
            if work.output == "mean":
                weights = batch.attention_mask[..., None].astype(np.float32)
                (states * weights).sum(1) / weights.sum(1)
            elif work.output == "cls":
                states[:, 0].copy()


class SentenceTransformers:
    """`encode` of sentence-transformers: texts to embeddings, in sorted batches of 32."""

    def __init__(self, directory: str) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Pooling, Transformer

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        transformer = Transformer(directory)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
        self.model = SentenceTransformer(modules=[transformer, pooling], device="cpu")

    def run(self, work: Work) -> None:
        self.model.encode(list(work.texts), batch_size=32, show_progress_bar=False)


class CrossEncoders:
    """`predict` of sentence-transformers: pairs to scores, in sorted batches of 32."""

    def __init__(self, directory: str) -> None:
        import torch
        from sentence_transformers import CrossEncoder

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.model = CrossEncoder(directory, num_labels=1, device="cpu")

    def run(self, work: Work) -> None:
        self.model.predict(list(work.pairs), batch_size=32, show_progress_bar=False)


class PeakMemory:
    """Embed distinct texts, and return the growth of the process in bytes, not seconds."""

    def __init__(self, directory: str) -> None:
        from skdistilbert import DistilBertEmbedder

        self.embedder = DistilBertEmbedder(directory)
        self.embedder.fit_transform(["Where is my parcel?"])

    def run(self, n_texts: int) -> float:
        texts = [f"{index} where is the parcel of order {index}?" for index in range(n_texts)]
        before = peak = from_status("RssAnon")
        is_done = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not is_done.wait(0.005):
                peak = max(peak, from_status("RssAnon"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        result = self.embedder.transform(texts)
        is_done.set()
        watcher.join()
        return float(max(peak - before - result.nbytes, 1e6))


@dataclass(frozen=True)
class GridSearch:
    """A search over C of a logistic regression on our features; returns seconds."""

    texts: list[str]
    labels: list[str]
    model: str
    scratch: str  # directory of the caches
    n_jobs: int
    n_candidates: int

    def run(self, way: str) -> float:
        """Run the search, or a part of it."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import Pipeline

        from skdistilbert import DistilBertEmbedder

        cache = f"{self.scratch}/cache.sqlite" if "embedding" in way else None
        memory = f"{self.scratch}/memory" if "memory" in way else None
        embedder = DistilBertEmbedder(self.model, normalize=True, embedding_cache=cache)
        start, features = time.perf_counter(), self.texts
        if way in ("one encoding", "heads only"):
            features = embedder.fit_transform(self.texts)
            encoded = time.perf_counter()
            if way == "one encoding":
                return encoded - start
            start, embedder = encoded, "passthrough"
        steps = [("embedder", embedder), ("head", LogisticRegression(max_iter=1000))]
        grid = {"head__C": np.logspace(-2, 2, self.n_candidates)}
        search = GridSearchCV(Pipeline(steps, memory=memory), grid, cv=5, n_jobs=self.n_jobs)
        search.fit(features, self.labels)
        return time.perf_counter() - start


def export_onnx(directory: Path) -> None:
    """Export the checkpoint to ONNX, fuse the graph, and quantise a copy dynamically to int8.

    Raises
    ------
    RuntimeError
        If the optimiser of ONNX Runtime did not fuse the layers.
    """
    from onnx import TensorProto
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.transformers import optimizer
    from transformers import DistilBertModel

    model = DistilBertModel.from_pretrained(directory, attn_implementation="eager").eval()
    logging.getLogger("onnxruntime").setLevel(logging.ERROR)
    file, config = str(directory / "model.onnx"), model.config
    _export(model, file)
    fused = optimizer.optimize_model(
        file, "bert", num_heads=config.n_heads, hidden_size=config.dim
    )
    operators = Counter(node.op_type for node in fused.model.graph.node)
    if not (operators["Attention"] and operators["SkipLayerNormalization"]):
        raise RuntimeError(f"ONNX Runtime did not fuse the graph; it has {dict(operators)}.")
    fused.save_model_to_file(str(directory / FUSED_ONNX_FILE))
    # The types of the results of fused operators are not known.
    types = {"DefaultTensorType": TensorProto.FLOAT}
    files = directory / FUSED_ONNX_FILE, directory / INT8_ONNX_FILE
    quantize_dynamic(*files, extra_options=types)


def _export(model: Any, file: str) -> None:  # noqa: ANN401
    import torch

    class LastHiddenState(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            return self.model(input_ids, attention_mask).last_hidden_state

    ids, axes = torch.ones((2, 8), dtype=torch.int64), {0: "batch", 1: "seq_len"}
    names = ("input_ids", "attention_mask", "last_hidden_state")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            LastHiddenState(),
            (ids, ids),
            file,
            input_names=names[:2],
            output_names=names[2:],
            dynamic_axes=dict.fromkeys(names, axes),
            dynamo=False,
        )
