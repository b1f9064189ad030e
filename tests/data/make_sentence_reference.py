"""Make `sentence-transformers.npz` here: small directories of sentence-transformers and results.

Run from the project's root, with sentence-transformers installed:

    python -m tests.data.make_sentence_reference

For each case the file holds what `SentenceTransformer.save` wrote, but for the transformer itself,
which is `distilbert-tiny`, and what `SentenceTransformer.encode` gave for `texts`.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Normalize,
    Pooling,
    Transformer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
TINY = HERE / "distilbert-tiny"
OF_THE_TRANSFORMER = {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
PROMPTS = {"query": "what is ", "passage": "it is there: "}
TEXTS = [
    "the one",
    "",
    "What would you do? It is there, too.",
    "one two three four five six seven eight nine ten " * 2,
]


def cases() -> Iterator[tuple[str, SentenceTransformer]]:
    for mode in Pooling.POOLING_MODES:
        yield mode, model(Pooling(32, mode))
    for modes in (("cls", "mean"), ("lasttoken", "weightedmean", "max")):
        yield "+".join(modes), model(Pooling(32, modes), Dense(32 * len(modes), 8))
    for activation in (torch.nn.Identity, torch.nn.Tanh, torch.nn.ReLU, torch.nn.GELU):
        dense = Dense(32, 8, bias=activation is torch.nn.Tanh, activation_function=activation())
        yield f"dense-{activation.__name__}", model(Pooling(32), dense, Normalize())
    yield "truncated", model(Pooling(32), Normalize(), truncate_dim=8)
    for include in (True, False):
        for mode in Pooling.POOLING_MODES:
            pooling = Pooling(32, mode, include_prompt=include)
            name = f"prompt-{'pooled' if include else 'skipped'}-{mode}"
            yield name, model(pooling, prompts=PROMPTS, default_prompt_name="query")


def model(*modules: torch.nn.Module, **options: Any) -> SentenceTransformer:  # noqa: ANN401
    transformer = Transformer(str(TINY), max_seq_length=16)
    return SentenceTransformer(modules=[transformer, *modules], device="cpu", **options)


def results() -> dict[str, Any]:
    """Give the texts, and the files and embeddings of each case, as "case:path"."""
    torch.manual_seed(0)
    arrays: dict[str, Any] = {"texts": np.array(TEXTS)}
    for name, peer in cases():
        with TemporaryDirectory() as directory:
            peer.save(directory)
            arrays[f"{name}:embeddings"] = SentenceTransformer(directory, device="cpu").encode(
                TEXTS
            )
            for file in filter(Path.is_file, sorted(Path(directory).rglob("*"))):
                path = file.relative_to(directory).as_posix()
                if path not in OF_THE_TRANSFORMER:
                    arrays[f"{name}:{path}"] = np.frombuffer(file.read_bytes(), np.uint8)
    return arrays


if __name__ == "__main__":
    np.savez_compressed(HERE / "sentence-transformers.npz", **results())
