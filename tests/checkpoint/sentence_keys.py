"""Every key of sentence-transformers except the tokenizer's, and its effect in this package.

"honoured": the features change as in sentence-transformers. "no effect": the features do not
change in either package. "refused": the features would change in a way that this package does not
have.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors.numpy import save_file

from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = ["the one", "What would you do? It is there, too."]
KINDS = ("Transformer", "WeightedLayerPooling", "Pooling", "Dense", "LayerNorm", "Normalize")
PATHS = ("", "1_Layers", "2_Pooling", "3_Dense", "4_LayerNorm", "5_Normalize")
TEXT = {"method": "forward", "method_output_name": "last_hidden_state"}
# Also tests/tasks/test_sentence_transformers.py: all poolings, activations and module paths.
KEYS: dict[str, dict[str, list[tuple[str, Any]]]] = {
    "sentence_bert_config.json": {
        "transformer_task": [("no effect", "feature-extraction"), ("refused", "fill-mask")],
        "modality_config": [
            ("no effect", {"text": TEXT}),
            ("refused", {"text": TEXT | {"method_output_name": "logits"}}),
        ],
        "module_output_name": [("no effect", "token_embeddings"), ("refused", "scores")],
        "model_kwargs": [
            ("no effect", {"attn_implementation": "eager"}),
            ("refused", {"variant": "fp16"}),
        ],
        "model_args": [("refused", {"variant": "fp16"})],
        "config_kwargs": [
            ("honoured", {"output_hidden_states": True}),
            ("refused", {"n_heads": 2}),
            ("refused", [1]),
        ],
        "config_args": [
            ("honoured", {"output_hidden_states": True}),
            ("refused", {"n_heads": 2}),
            ("no effect", {"trust_remote_code": True}),
        ],
        "processing_kwargs": [("no effect", {}), ("refused", {"common": {"max_length": 3}})],
        "tokenizer_name_or_path": [("refused", "elsewhere")],
        "unpad_inputs": [("no effect", False)],
        "query_length": [("no effect", 3)],
        "document_length": [("no effect", 3)],
        "query_expansion": [("no effect", None)],
        "backend": [("no effect", "onnx")],
    },
    "config_sentence_transformers.json": {
        "__version__": [("no effect", {"sentence_transformers": "9.9.9"})],
        "default_prompt_name": [("no effect", None), ("refused", "unknown")],
        "model_type": [("no effect", "SentenceTransformer"), ("refused", "SparseEncoder")],
        "prompts": [("no effect", {"query": "what is "})],
        "requirements": [("no effect", None)],
        "similarity_fn_name": [("no effect", "dot")],
        "truncate_dim": [("honoured", 2), ("refused", 0)],
    },
    "modules.json": {
        "idx": [("no effect", 7)],
        "kwargs": [("no effect", ["task"])],
        "name": [("no effect", "new name"), ("refused", "0")],
        "path": [("no effect", "5_Normalize"), ("refused", "../5_Normalize")],
        "type": [("refused", "sentence_transformers.models.CNN"), ("refused", "my.Normalize")],
    },
    "1_Layers/config.json": {
        "embedding_dimension": [("no effect", 99)],
        "layer_start": [("no effect", 3)],
        "num_hidden_layers": [("no effect", 5)],
        "word_embedding_dimension": [("no effect", 99)],
    },
    "2_Pooling/config.json": {
        "embedding_dimension": [("no effect", 99)],
        "include_prompt": [("no effect", False), ("refused", "no")],
        "pooling_mode": [("honoured", "cls"), ("honoured", ["mean"]), ("refused", "median")],
        "pooling_mode_cls_token": [("no effect", True)],
        "pooling_mode_max_tokens": [("no effect", True)],
        "pooling_mode_mean_tokens": [("no effect", True)],
        "pooling_mode_mean_sqrt_len_tokens": [("no effect", True)],
        "pooling_mode_weightedmean_tokens": [("no effect", True)],
        "pooling_mode_lasttoken": [("no effect", True), ("refused", "no")],
        "pooling_mode_median": [("refused", True)],
        "word_embedding_dimension": [("no effect", 99)],
    },
    "3_Dense/config.json": {
        "activation_function": [
            ("honoured", "torch.nn.modules.activation.ReLU"),
            ("refused", "torch.nn.modules.activation.SELU"),
            ("refused", "my.ReLU"),
        ],
        "bias": [("refused", True)],
        "in_features": [("refused", 31)],
        "module_input_name": [("no effect", "sentence_embedding"), ("refused", "x")],
        "module_output_name": [("no effect", None), ("refused", "x")],
        "out_features": [("refused", 5)],
        "unknown": [("no effect", 5)],
        "use_residual": [("no effect", False), ("refused", True)],
    },
    "4_LayerNorm/config.json": {"dimension": [("refused", 5)]},
    "5_Normalize/config.json": {
        "module_input_name": [
            ("no effect", "sentence_embedding"),
            ("refused", "token_embeddings"),
        ],
        "module_output_name": [("no effect", None), ("refused", "x")],
    },
}


class Case(NamedTuple):
    """One value of one key of one file."""

    file: str
    key: str
    effect: str
    value: Any

    @property
    def name(self) -> str:
        return f"{self.file}: {self.key}={json.dumps(self.value)}"


def cases() -> Iterator[Case]:
    for file, keys in KEYS.items():
        for key, values in keys.items():
            for effect, value in values:
                yield Case(file, key, effect, value)


def write(directory: Path, case: Case | None = None) -> None:
    """Write a directory of sentence-transformers, with one key changed."""
    rng = np.random.default_rng(0)
    shutil.copytree(DATA / "distilbert-tiny", directory)
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(zip(KINDS, PATHS, strict=True))
    ]
    files: dict[str, Any] = {
        "modules.json": modules,
        "sentence_bert_config.json": {
            "modality_config": {"text": TEXT},
            "module_output_name": "token_embeddings",
        },
        "config_sentence_transformers.json": {},
        "1_Layers/config.json": {
            "embedding_dimension": 32,
            "layer_start": 3,
            "num_hidden_layers": 5,
        },
        "2_Pooling/config.json": {"embedding_dimension": 32, "pooling_mode": "max"},
        "3_Dense/config.json": {"in_features": 32, "out_features": 4, "bias": False},
        "4_LayerNorm/config.json": {"dimension": 4},
        "5_Normalize/config.json": {},
    }
    if case and case.file == "modules.json":
        modules[-1][case.key] = case.value
    elif case:
        files[case.file][case.key] = case.value
    for name, content in files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text(json.dumps(content))
    shapes = {"layer_weights": (3,), "linear.weight": (4, 32)}
    for path, names in {
        "1_Layers": ["layer_weights"],
        "3_Dense": ["linear.weight"],
        "4_LayerNorm": ["norm.weight", "norm.bias"],
    }.items():
        tensors = {name: rng.random(shapes.get(name, (4,)), np.float32) for name in names}
        save_file(tensors, directory / path / "model.safetensors")
