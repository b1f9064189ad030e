"""Make `sentence-transformers.npz` here: small directories of sentence-transformers and results.

Run from the project's root, with sentence-transformers installed:

    python -m tests.data.make_sentence_reference

For each case the file contains the files that `SentenceTransformer.save` wrote, except for the
transformer itself, which is `distilbert-tiny`. It also contains the embeddings of `texts` that
`SentenceTransformer.encode` returned.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Dropout,
    LayerNorm,
    Normalize,
    Pooling,
    Transformer,
    WeightedLayerPooling,
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

    yield from more_cases()


def more_cases() -> Iterator[tuple[str, SentenceTransformer]]:
    for activation in (torch.nn.Sigmoid, torch.nn.SiLU, torch.nn.LeakyReLU, torch.nn.ELU):
        dense = Dense(32, 8, activation_function=activation())
        yield f"dense-{activation.__name__}", model(Pooling(32), dense)
    norm = LayerNorm(64)
    for parameter in norm.parameters():
        torch.nn.init.normal_(parameter)
    yield "norm-and-dropout", model(Pooling(32, ("mean", "max")), Dropout(0.5), norm)
    for keeps_layers in (True, False):
        weights = torch.nn.Parameter(torch.tensor([0.5, 2.0, 1.5]))
        layers = WeightedLayerPooling(
            32, num_hidden_layers=5, layer_start=3, layer_weights=weights
        )
        peer = model(layers, Pooling(32, "lasttoken"))
        peer[0].model.config.output_hidden_states = keeps_layers
        yield f"weighted-layers-{'used' if keeps_layers else 'skipped'}", peer
    yield "0_Transformer", model(Pooling(32, "max"), Dense(32, 4))
    yield "nested", model(Pooling(32, "max"), Dense(32, 6))


def move_modules(directory: Path, case: str) -> None:
    """Move the encoder into a directory of its own, or modules into directories below others."""
    modules = json.loads((directory / "modules.json").read_text())
    if case == "0_Transformer":
        modules[0]["path"] = case
        files = [path for path in directory.iterdir() if path.is_file()]
        (directory / case).mkdir()
        for file in files:
            if file.name not in ("modules.json", "config_sentence_transformers.json"):
                file.rename(directory / case / file.name)
    if case == "nested":
        for module in modules[1:]:
            old, module["path"] = module["path"], f"modules/after the encoder/{module['name']}"
            (directory / module["path"]).parent.mkdir(parents=True, exist_ok=True)
            (directory / old).rename(directory / module["path"])
    (directory / "modules.json").write_text(json.dumps(modules))


def model(*modules: torch.nn.Module, **options: Any) -> SentenceTransformer:  # noqa: ANN401
    transformer = Transformer(str(TINY), max_seq_length=16)
    return SentenceTransformer(modules=[transformer, *modules], device="cpu", **options)


def results() -> dict[str, Any]:
    """Return the texts, and the files and embeddings of each case by "case:path"."""
    torch.manual_seed(0)
    arrays: dict[str, Any] = {"texts": np.array(TEXTS)}
    for name, peer in cases():
        with TemporaryDirectory() as directory:
            peer.save(directory)
            move_modules(Path(directory), name)
            arrays[f"{name}:embeddings"] = SentenceTransformer(directory, device="cpu").encode(
                TEXTS
            )
            for file in filter(Path.is_file, sorted(Path(directory).rglob("*"))):
                path = file.relative_to(directory).as_posix()
                stored = path.removeprefix("0_Transformer/") not in OF_THE_TRANSFORMER
                if stored or (path == "config.json" and "weighted" in name):
                    arrays[f"{name}:{path}"] = np.frombuffer(file.read_bytes(), np.uint8)
    return arrays


if __name__ == "__main__":
    np.savez_compressed(HERE / "sentence-transformers.npz", **results())
