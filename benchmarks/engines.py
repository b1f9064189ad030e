"""The engines that are compared: ours, torch, ONNX Runtime and sentence-transformers.

All load the same DistilBERT from one directory, which `write_checkpoint` and `export_onnx` fill.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ONNX_FILE = "model.onnx"
FUSED_ONNX_FILE = "model-fused.onnx"


@dataclass(frozen=True)
class Padded:
    """Token ids and attention mask: (n_texts, seq_len)."""

    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]

    @classmethod
    def from_lists(cls, input_ids: Sequence[Sequence[int]]) -> Padded:
        """Fill up with zeros on the right."""
        shape = len(input_ids), max(map(len, input_ids))
        padded, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, ids in enumerate(input_ids):
            padded[row, : len(ids)] = ids
            mask[row, : len(ids)] = 1
        return cls(padded, mask)


@dataclass(frozen=True)
class Work:
    """What an engine is to give: hidden states, one vector a text, or embeddings of texts."""

    gives: Literal["states", "mean", "cls", "embeddings"]
    batches: Sequence[Padded] = ()  # for engines that pad
    input_ids: Sequence[Sequence[int]] = ()  # for ours
    texts: Sequence[str] = ()

    def beginning(self) -> Work:
        """Give a little of it."""
        few = {"batches": self.batches[:1], "input_ids": self.input_ids[:32]}
        return replace(self, **few, texts=self.texts[:32])


class Ours:
    """skdistilbert."""

    def __init__(self, directory: str) -> None:
        from skdistilbert import WordPieceTokenizer, load_model

        self.model = load_model(directory)
        self.tokenizer = WordPieceTokenizer.from_pretrained(directory)

    def run(self, work: Work) -> None:
        from skdistilbert import embed

        if work.gives == "embeddings":
            embed(self.model, self.tokenizer, work.texts, "mean")
        elif work.gives == "states":
            for batch in work.batches:
                self.model(batch.input_ids, batch.attention_mask)
        else:
            self.model.pooled(work.input_ids, work.gives)


class Torch:
    """transformers on torch, with its fused attention (sdpa)."""

    def __init__(self, directory: str) -> None:
        import os

        import torch
        from transformers import AutoModel

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        self.model = AutoModel.from_pretrained(directory, attn_implementation="sdpa").eval()

    def run(self, work: Work) -> None:
        import torch

        with torch.inference_mode():
            for batch in work.batches:
                mask = torch.from_numpy(batch.attention_mask)
                states = self.model(torch.from_numpy(batch.input_ids), mask).last_hidden_state
                if work.gives == "mean":
                    weights = mask[..., None].to(states.dtype)
                    (states * weights).sum(1) / weights.sum(1)
                elif work.gives == "cls":
                    states[:, 0].clone()


class OnnxRuntime:
    """ONNX Runtime on the fused graph."""

    def __init__(self, directory: str) -> None:
        import os

        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(
            str(Path(directory) / FUSED_ONNX_FILE), options, providers=["CPUExecutionProvider"]
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
            if work.gives == "mean":
                weights = batch.attention_mask[..., None].astype(np.float32)
                (states * weights).sum(1) / weights.sum(1)
            elif work.gives == "cls":
                states[:, 0].copy()


class SentenceTransformers:
    """sentence-transformers' `encode`: texts to embeddings, in length-sorted batches of 32."""

    def __init__(self, directory: str) -> None:
        import os

        import torch
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.models import Pooling, Transformer

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        transformer = Transformer(directory)
        pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
        self.model = SentenceTransformer(modules=[transformer, pooling], device="cpu")

    def run(self, work: Work) -> None:
        self.model.encode(list(work.texts), batch_size=32, show_progress_bar=False)


def write_checkpoint(directory: Path, vocab: Path, **config: int) -> None:
    """Write a DistilBERT of random weights: files that every engine can load."""
    import torch
    from transformers import BertTokenizer, DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    DistilBertModel(DistilBertConfig(**config)).save_pretrained(directory)
    BertTokenizer(vocab=str(vocab), do_lower_case=True).save_pretrained(directory)
    (directory / "vocab.txt").write_bytes(vocab.read_bytes())


def export_onnx(directory: Path) -> Counter[str]:
    """Export to ONNX and fuse; returns how often each fused operator stands in the graph."""
    import torch
    from onnxruntime.transformers import optimizer
    from transformers import DistilBertModel

    model = DistilBertModel.from_pretrained(directory, attn_implementation="eager").eval()
    ids = torch.ones((2, 8), dtype=torch.int64)
    axes = {0: "batch", 1: "seq_len"}
    logging.getLogger("onnxruntime").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _LastHiddenState(model),
            (ids, ids),
            str(directory / ONNX_FILE),
            input_names=["input_ids", "attention_mask"],
            output_names=["last_hidden_state"],
            dynamic_axes=dict.fromkeys(("input_ids", "attention_mask", "last_hidden_state"), axes),
            dynamo=False,
        )
    config = model.config
    fused = optimizer.optimize_model(
        str(directory / ONNX_FILE), "bert", num_heads=config.n_heads, hidden_size=config.dim
    )
    fused.save_model_to_file(str(directory / FUSED_ONNX_FILE))
    return Counter(node.op_type for node in fused.model.graph.node)


def _LastHiddenState(model: Any) -> Any:  # noqa: ANN401, N802 - a module class made when torch is
    import torch

    class LastHiddenState(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            return self.model(input_ids, attention_mask).last_hidden_state

    return LastHiddenState()
