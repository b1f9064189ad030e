"""`sentence_bert_config.json`: how sentence-transformers runs the encoder.

The tokenizer reads ``max_seq_length``, ``do_lower_case`` and the options of the tokenizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skdistilbert.files.json_file import check_value, read_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# sentence-transformers reads the first of these that exists and is not empty.
FILES = tuple(
    f"sentence_{name}_config.json"
    for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
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
NEUTRAL_PROCESSING = {"padding", "pad_to_multiple_of", "return_tensors", "return_attention_mask"}
TEXT_MODALITY = {"method": "forward", "method_output_name": "last_hidden_state"}


def check_sentence_config(directory: Path) -> bool:
    """Raise CheckpointError if the encoder must be run in a way that is not supported.

    `directory` is that of the encoder. Returns whether the file asks for ``output_hidden_states``.
    """
    found = (directory / name for name in FILES if (directory / name).is_file())
    file, config = next(
        ((each, values) for each in found if (values := read_json_object(each))),
        (directory / FILES[0], {}),
    )
    _check_fixed(config, file)
    asked = False
    for names in (("model_kwargs", "model_args"), ("config_kwargs", "config_args")):
        arguments = _object(config, names, file)
        _check_keys(arguments, NEUTRAL_ARGUMENTS, names[0], file)
        asked = asked or arguments.get("output_hidden_states") is True
    processing = _object(config, ("processing_kwargs",), file)
    for part in ("text", "common"):
        _check_keys(
            _object(processing, (part,), file),
            NEUTRAL_PROCESSING,
            f"processing_kwargs.{part}",
            file,
        )
    return asked


def _check_fixed(config: Mapping[str, Any], file: Path) -> None:
    """Raise CheckpointError unless the encoder returns its last hidden states."""
    fixed: dict[str, object] = {
        "transformer_task": "feature-extraction",
        "module_output_name": "token_embeddings",
        "tokenizer_name_or_path": None,
    }
    for name, expected in fixed.items():
        value = config.get(name)
        check_value(value in (None, expected), file, name, f"{expected!r}", value)
    text = _object(config, ("modality_config",), file).get("text", TEXT_MODALITY)
    accepted = [TEXT_MODALITY, TEXT_MODALITY | {"method_output_name": ["last_hidden_state"]}]
    check_value(text in accepted, file, "modality_config.text", f"{TEXT_MODALITY}", text)


def _object(config: Mapping[str, Any], names: tuple[str, ...], file: Path) -> dict[str, Any]:
    stated: Any = next((config[name] for name in names if config.get(name) is not None), {})
    check_value(isinstance(stated, dict), file, names[0], "an object", stated)
    return dict(stated)


def _check_keys(stated: Mapping[str, Any], neutral: set[str], where: str, file: Path) -> None:
    for name, value in stated.items():
        expected = "absent, because it may change the results"
        check_value(name in neutral, file, f"{where}.{name:.50}", expected, value)
