"""`sentence_bert_config.json`: how sentence-transformers runs the encoder.

The tokenizer reads ``max_seq_length``, ``do_lower_case`` and the options of the tokenizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skdistilbert.files.json_file import check_value
from skdistilbert.files.sentence_config_file import read_sentence_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Arguments for transformers that do not change the results of a float32 computation.
NEUTRAL_ARGUMENTS = {
    "add_pooling_layer",
    "attn_implementation",
    "cache_dir",
    "device_map",
    "dtype",
    "local_files_only",
    "low_cpu_mem_usage",
    "output_hidden_states",
    "revision",
    "subfolder",
    "token",
    "torch_dtype",
    "trust_remote_code",
    "use_cache",
    "use_safetensors",
}
# The names of the output in sentence-transformers and in transformers, by task.
OUTPUTS = {
    "feature-extraction": ("token_embeddings", "last_hidden_state"),
    "sequence-classification": ("scores", "logits"),
}


def check_sentence_config(directory: Path, task: str = "feature-extraction") -> bool:
    """Raise CheckpointError if the encoder must be run in a way that is not supported.

    `directory` is the directory of the encoder. The function returns whether the file asks for
    ``output_hidden_states``.
    """
    file, config = read_sentence_file(directory)
    _check_fixed(config, file, task)
    asked = False
    for names in (("model_kwargs", "model_args"), ("config_kwargs", "config_args")):
        arguments = _object(config, names, file)
        _check_keys(arguments, NEUTRAL_ARGUMENTS, names[0], file)
        asked = asked or arguments.get("output_hidden_states") is True
    return asked


def _check_fixed(config: Mapping[str, Any], file: Path, task: str) -> None:
    """Raise CheckpointError unless the encoder returns the output of the task."""
    name, source = OUTPUTS[task]
    fixed: dict[str, object] = {"transformer_task": task, "module_output_name": name}
    for name, expected in fixed.items():
        value = config.get(name)
        check_value(value in (None, expected), file, name, f"{expected!r}", value)
    modality: dict[str, object] = {"method": "forward", "method_output_name": source}
    text = _object(config, ("modality_config",), file).get("text", modality)
    accepted = [modality, modality | {"method_output_name": [source]}]
    check_value(text in accepted, file, "modality_config.text", f"{modality}", text)


def _object(config: Mapping[str, Any], names: tuple[str, ...], file: Path) -> dict[str, Any]:
    stated: Any = next((config[name] for name in names if config.get(name) is not None), {})
    check_value(isinstance(stated, dict), file, names[0], "an object", stated)
    return dict(stated)


def _check_keys(stated: Mapping[str, Any], neutral: set[str], where: str, file: Path) -> None:
    for name, value in stated.items():
        expected = "absent, because it may change the results"
        check_value(name in neutral, file, f"{where}.{name:.50}", expected, value)
