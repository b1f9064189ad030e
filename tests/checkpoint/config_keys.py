"""Every key of `config.json` that transformers reads, and its effect in this package.

`KEYS` maps a key to values that differ from the default. "honoured": the result changes as in
transformers. "no effect": the result does not change in this package and in transformers.
"refused": the result would change in a way that this package does not have, or the weights do not
fit.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file, save_file

from skdistilbert.checkpoint.config_fields import BERT_FIELDS
from skdistilbert.checkpoint.tensor_names import BERT_TO_DISTILBERT
from tests.conftest import DATA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INPUT_IDS = np.array([[2, 10, 11, 12, 13, 14, 15, 3], [2, 20, 40, 80, 160, 320, 640, 3]])

ANY_MODEL: dict[str, list[tuple[str, Any]]] = {
    "_name_or_path": [("no effect", "elsewhere")],
    "add_cross_attention": [],
    "architectures": [("no effect", ["BertForMaskedLM"]), ("no effect", None)],
    "attention_chunk_size": [("no effect", 2)],
    "attn_implementation": [("no effect", "eager")],
    "auto_map": [("no effect", {"AutoModel": "evil.Model"})],
    "bos_token_id": [("no effect", 3)],
    "chunk_size_feed_forward": [("no effect", 2)],
    "dtype": [("no effect", "float16")],
    "eos_token_id": [("no effect", 3)],
    "finetuning_task": [("no effect", "mnli")],
    "function_to_apply": [("no effect", "sigmoid")],
    "id2label": [("no effect", {"0": "a", "1": "b", "2": "c"})],
    "initializer_range": [("no effect", 9.0)],
    "is_causal": [("refused", True), ("no effect", False)],
    "is_encoder_decoder": [("no effect", True)],
    "label2id": [("no effect", {"a": 0})],
    "layer_types": [("no effect", ["sliding_attention"] * 5)],
    "max_position_embeddings": [("refused", 64)],
    "num_labels": [("no effect", 5)],
    "output_attentions": [("no effect", False)],
    "output_hidden_states": [("no effect", True)],
    "pad_token_id": [("no effect", 7), ("no effect", None), ("no effect", -1)],
    "per_layer_config": [("refused", {"1": {"chunk_size_feed_forward": 4}})],
    "problem_type": [("no effect", "regression")],
    "pruned_heads": [("no effect", {"0": [1]})],
    "quantization_config": [("refused", {"quant_method": "bitsandbytes"})],
    "return_dict": [("no effect", False)],
    "sliding_window": [("no effect", 2)],
    "task_specific_params": [("no effect", {"x": {"y": 1}})],
    "tie_word_embeddings": [("no effect", False)],
    "tokenizer_class": [("no effect", "BertTokenizer")],
    "torch_dtype": [("no effect", "float16")],
    "torchscript": [("no effect", True)],
    "transformers_version": [("no effect", "1.0.0")],
    "use_cache": [("no effect", False)],
    "vocab_size": [("refused", 1000)],
}
GELUS = ("gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate", "gelu_python_tanh")
ACTIVATIONS = [("honoured", name) for name in (*GELUS, "relu", "silu", "swish", "tanh")]
ACTIVATIONS += [("no effect", "gelu_python"), ("refused", "gelu_10"), ("refused", "mish")]
DISTILBERT = ANY_MODEL | {
    "activation": ACTIVATIONS,
    "add_cross_attention": [("no effect", True)],
    "attention_dropout": [("no effect", 0.9)],
    "dim": [("refused", 64)],
    "dropout": [("no effect", 0.9)],
    "hidden_act": [("no effect", "relu")],
    "hidden_dim": [("refused", 64)],
    "hidden_size": [("no effect", 32), ("refused", 64)],
    "is_decoder": [("no effect", True)],
    "layer_norm_eps": [("no effect", 0.1)],  # with a warning
    "n_heads": [("honoured", 2), ("refused", 3)],
    "n_layers": [("refused", 4)],
    "num_attention_heads": [("honoured", 2)],
    "num_hidden_layers": [("refused", 4)],
    "position_embedding_type": [("no effect", None), ("no effect", "relative_key")],
    "qa_dropout": [("no effect", 0.9)],
    "seq_classif_dropout": [("no effect", 0.9)],
    "sinusoidal_pos_embds": [("no effect", True)],
}
BERT = ANY_MODEL | {
    "activation": [("no effect", "relu")],
    "add_cross_attention": [("refused", True), ("no effect", False)],
    "attention_probs_dropout_prob": [("no effect", 0.9)],
    "classifier_dropout": [("no effect", 0.9)],
    "hidden_act": ACTIVATIONS,
    "hidden_dropout_prob": [("no effect", 0.9)],
    "hidden_size": [("refused", 64)],
    "intermediate_size": [("refused", 64)],
    "is_decoder": [("refused", True), ("no effect", False)],
    "layer_norm_eps": [("honoured", 0.1)],
    "n_heads": [("no effect", 2)],
    "num_attention_heads": [("honoured", 2)],
    "num_hidden_layers": [("refused", 4)],
    # transformers 5 ignores it; earlier releases computed something else.
    "position_embedding_type": [("no effect", None), ("refused", "relative_key")],
    "sinusoidal_pos_embds": [("no effect", True)],
    "type_vocab_size": [("no effect", 2)],
}
KEYS = {"distilbert": DISTILBERT, "bert": BERT}


class Case(NamedTuple):
    """One value of one key."""

    model_type: str
    key: str
    effect: str
    value: Any

    @property
    def name(self) -> str:
        return f"{self.model_type} {self.key}={json.dumps(self.value)}"


def cases() -> Iterator[Case]:
    for model_type, keys in KEYS.items():
        for key, values in keys.items():
            for effect, value in values:
                yield Case(model_type, key, effect, value)


def write(directory: Path, model_type: str, **values: Any) -> None:  # noqa: ANN401
    """Write the tiny checkpoint as a DistilBERT or a BERT, with changes of its configuration."""
    shutil.copytree(DATA / "distilbert-tiny", directory)
    config = json.loads((directory / "config.json").read_text())
    if model_type == "bert":
        tensors = load_file(directory / "model.safetensors")
        save_file(bert_tensors(tensors), directory / "model.safetensors")
        theirs = {ours: name for name, ours in BERT_FIELDS.items()}
        config = {theirs.get(key, key): value for key, value in config.items()}
        config |= {"model_type": "bert", "architectures": ["BertModel"], "type_vocab_size": 2}
        del config["sinusoidal_pos_embds"]
    (directory / "config.json").write_text(json.dumps(config | values))


def bert_tensors(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the tensors with BERT's names, with token types."""
    types = np.random.default_rng(0).normal(size=(2, 32)).astype(np.float32)
    renamed = {"bert.embeddings.token_type_embeddings.weight": types}
    for name, tensor in tensors.items():
        name = f"bert.{name.removeprefix('distilbert.')}"
        for theirs, ours in BERT_TO_DISTILBERT:
            name = name.replace(ours, theirs)
        renamed[name] = tensor
    return renamed
