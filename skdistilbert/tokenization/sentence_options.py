"""Read the options of the tokenizer that sentence-transformers stores with its encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from skdistilbert.exceptions import CheckpointError
from skdistilbert.files.json_file import check_value
from skdistilbert.tokenization.declared_tokens import read_if_exists

if TYPE_CHECKING:
    from pathlib import Path

# As in sentence-transformers, the first file that exists and is not empty is read.
SENTENCE_FILES = tuple(
    f"sentence_{name}_config.json"
    for name in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
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
# Keys that would use another tokenizer or other settings of each call.
NOT_SUPPORTED = ("tokenizer_name_or_path", "processing_kwargs")
LOADING_ARGUMENTS = ("gguf_file", "revision", "subfolder", "tokenizer_type")


class SentenceOptions(NamedTuple):
    """The options of a tokenizer in a file of sentence-transformers.

    Attributes
    ----------
    file : Path
    tokenizer : dict
        Values that override those of ``tokenizer_config.json``.
    max_seq_length : object
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
        If the file is malformed, or asks for what is not supported.
    """
    files = [directory / name for name in SENTENCE_FILES]
    contents = {file: read_if_exists(file) for file in files}
    file = next((file for file, content in contents.items() if content), files[0])
    config = contents[file]
    for name in NOT_SUPPORTED:
        if config.get(name):
            raise CheckpointError(
                f"{file}: {name} is not supported; got {config[name]!r:.99}. Remove it to use the "
                "tokenizer of this directory."
            )
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
