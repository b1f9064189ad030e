"""Read the options of the tokenizer that sentence-transformers stores with its encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import check_value
from skdistilbert.files.sentence_config_file import read_sentence_file

if TYPE_CHECKING:
    from pathlib import Path

# Arguments of the tokenizer; the older name wins.
ARGUMENTS = ("tokenizer_args", "processor_kwargs")
# Arguments of AutoTokenizer that locate the files and do not change how they are read.
WITHOUT_EFFECT = {
    "cache_dir",
    "force_download",
    "local_files_only",
    "proxies",
    "token",
    "trust_remote_code",
    "use_fast",
}
# Settings of each call that do not change the token ids.
NEUTRAL_PROCESSING = {"padding", "pad_to_multiple_of", "return_tensors", "return_attention_mask"}
LOADING_ARGUMENTS = ("gguf_file", "revision", "subfolder", "tokenizer_type")


class SentenceOptions(NamedTuple):
    """The options of the tokenizer in a configuration file of sentence-transformers.

    Attributes
    ----------
    file : Path
    tokenizer : dict
        Values that override ``tokenizer_config.json``.
    max_seq_length : object
        Not validated here; `read_tokenizer` validates it.
    do_lower_case : bool
    """

    file: Path
    tokenizer: dict[str, Any]
    max_seq_length: object
    do_lower_case: bool


def read_sentence_options(directory: Path) -> SentenceOptions:
    """Return the options in ``sentence_bert_config.json``, or in the file of an older name.

    Raises
    ------
    CheckpointError
        If the file is malformed, or has an option that is not supported.
    """
    file, config = read_sentence_file(directory)
    other = config.get("tokenizer_name_or_path")
    expected = "absent, as only the tokenizer of this directory is read"
    check_value(not other, file, "tokenizer_name_or_path", expected, other)
    _check_processing(config.get("processing_kwargs") or {}, file)
    arguments: dict[str, Any] = {}
    for name in reversed(ARGUMENTS):
        stated = config.get(name)
        valid = stated is None or isinstance(stated, dict)
        check_value(valid, file, name, "an object with arguments of the tokenizer", stated)
        arguments = stated if name in config and stated is not None else arguments
    for name in LOADING_ARGUMENTS:
        if arguments.get(name):
            raise CheckpointError(
                f"{file}: {' or '.join(ARGUMENTS)} must not contain {name}; got "
                f"{arguments[name]!r:.99}. Remove it to use the tokenizer of this directory."
            )
    arguments = {name: value for name, value in arguments.items() if name not in WITHOUT_EFFECT}
    return SentenceOptions(
        file, arguments, config.get("max_seq_length"), bool(config.get("do_lower_case"))
    )


def _check_processing(stated: Any, file: Path) -> None:  # noqa: ANN401
    """Raise CheckpointError if settings of each call could change the token ids."""
    parts: list[Any] = [stated]
    if isinstance(stated, dict):
        parts = [stated.get(name) or {} for name in ("text", "common")]
    neutral = all(isinstance(part, dict) and set(part) <= NEUTRAL_PROCESSING for part in parts)
    expected = f"an object with no other settings than {', '.join(sorted(NEUTRAL_PROCESSING))}"
    check_value(neutral, file, "processing_kwargs", expected, stated)
