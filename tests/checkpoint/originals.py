"""Small valid checkpoints with every file that is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load, save

from skdistilbert.checkpoint.config_fields import BERT_FIELDS
from skdistilbert.checkpoint.tensor_names import BERT_TO_DISTILBERT
from tests.conftest import DATA

if TYPE_CHECKING:
    Files = dict[str, bytes]
    Json = Any

VOCAB_SIZE = 160
WEIGHTS = "model.safetensors"


def small_checkpoint() -> Files:
    """Return one layer of the tiny DistilBERT."""
    directory = DATA / "distilbert-tiny-token-classification"
    config = json.loads((directory / "config.json").read_bytes())
    config |= {"n_layers": 1, "vocab_size": VOCAB_SIZE, "max_position_embeddings": 16}
    vocab = (directory / "vocab.txt").read_text(encoding="utf-8").split("\n")[:VOCAB_SIZE]
    options = {
        "do_lower_case": True,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
        "unk_token": "[UNK]",
        "cls_token": {"content": "[CLS]", "special": True},
        "model_max_length": 16,
        "added_tokens_decoder": {"4": {"content": "[MASK]", "special": True, "lstrip": True}},
        "auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]},
    }
    return {
        "config.json": dump(config),
        WEIGHTS: save(_smaller(load((directory / WEIGHTS).read_bytes()))),
        "vocab.txt": "\n".join(vocab).encode() + b"\n",
        "tokenizer_config.json": dump(options),
        "tokenizer.json": dump(_backend(vocab)),
        "special_tokens_map.json": dump({"sep_token": "[SEP]", "pad_token": "[PAD]"}),
        "sentence_bert_config.json": dump({"max_seq_length": 16, "do_lower_case": False}),
    }


def _smaller(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    rows = {"word_embeddings": VOCAB_SIZE, "position_embeddings": 16}
    return {
        name: tensor[: rows.get(name.split(".")[-2])]
        for name, tensor in tensors.items()
        if ".layer.1." not in name
    }


def _backend(vocab: list[str]) -> Json:
    return {
        "normalizer": {"type": "BertNormalizer", "lowercase": True, "strip_accents": None},
        "model": {"type": "WordPiece", "vocab": {token: i for i, token in enumerate(vocab)}},
        "added_tokens": [{"id": 0, "content": "[PAD]", "special": True, "normalized": False}],
    }


def bert_checkpoint() -> Files:
    """Return the same network as a BERT with BERT's names, token types and a pooler."""
    files = small_checkpoint()
    config = json.loads(files["config.json"])
    theirs = {ours: name for name, ours in BERT_FIELDS.items()}
    config = {theirs.get(name, name): value for name, value in config.items()}
    config |= {"model_type": "bert", "architectures": ["BertForTokenClassification"]}
    config |= {"type_vocab_size": 2, "position_embedding_type": "absolute", "is_decoder": False}
    tensors = {_bert_name(name): tensor for name, tensor in load(files[WEIGHTS]).items()}
    rng = np.random.default_rng(0)
    for name, shape in {
        "bert.embeddings.token_type_embeddings.weight": (2, 32),
        "bert.pooler.dense.weight": (32, 32),
        "bert.pooler.dense.bias": (32,),
    }.items():
        tensors[name] = rng.normal(size=shape).astype(np.float32)
    return files | {"config.json": dump(config), WEIGHTS: save(tensors)}


def _bert_name(name: str) -> str:
    name = name.replace("distilbert.", "bert.")
    for theirs, ours in BERT_TO_DISTILBERT:
        name = name.replace(ours, theirs)
    return name


def sentence_checkpoint() -> Files:
    """Return the same network with sentence-transformers' modules."""
    modules = {"Transformer": "", "WeightedLayerPooling": "0_Layers", "Pooling": "1_Pooling"}
    modules |= {"Dense": "2_Dense", "LayerNorm": "norms/first", "Normalize": "3_Normalize"}
    listed = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(modules.items())
    ]
    pooling = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True}
    pooling |= {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": False}
    dense = {"in_features": 64, "out_features": 8, "bias": True}
    dense |= {"activation_function": "torch.nn.modules.activation.Tanh"}
    rng = np.random.default_rng(0)
    tensors = {"linear.weight": rng.normal(size=(8, 64)), "linear.bias": rng.normal(size=8)}
    layers = {"num_hidden_layers": 1, "layer_start": 0, "embedding_dimension": 32}
    norm = dict.fromkeys(("norm.weight", "norm.bias"), np.ones(8, np.float32))
    files = small_checkpoint()
    config = json.loads(files["config.json"]) | {"output_hidden_states": True}
    return files | {
        "config.json": dump(config),
        "modules.json": dump(listed),
        "0_Layers/config.json": dump(layers),
        "0_Layers/model.safetensors": save({"layer_weights": np.ones(2, np.float32)}),
        "norms/first/config.json": dump({"dimension": 8}),
        "norms/first/model.safetensors": save(norm),
        "1_Pooling/config.json": dump(pooling),
        "2_Dense/config.json": dump(dense),
        "2_Dense/model.safetensors": save(
            {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
        ),
    }


def dump(value: Json) -> bytes:
    return json.dumps(value).encode()


ORIGINALS = (small_checkpoint, bert_checkpoint, sentence_checkpoint)
