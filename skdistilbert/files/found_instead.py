"""Recognise files of another kind in place of the expected files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.exceptions import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

ADAPTER_FILE = "adapter_config.json"
LFS_POINTER = (
    "a git-lfs pointer instead of the file itself. Run 'git lfs pull' in the repository, or "
    "download the file again, for example with 'hf download'"
)
WEB_PAGE = (
    "a web page, probably because the address of a page was downloaded. Download the file itself, "
    "for example with 'hf download'"
)
PICKLE = (
    "a pickle of PyTorch, which is never read because it can run any code. Convert it where "
    "transformers is installed with AutoModel.from_pretrained(directory).save_pretrained(new)"
)
BYTE_ORDER_MARK = "a text that starts with a byte-order mark. Save it as UTF-8 without this mark"
UTF_16 = "a text in UTF-16. Save it as UTF-8 without a byte-order mark"
# The first bytes of a file, in lower case, and the kind of the file.
STARTS = (
    (b"version https://git-lfs", LFS_POINTER),
    (b"<!doctype", WEB_PAGE),
    (b"<html", WEB_PAGE),
    (b"pk\x03\x04", PICKLE),
    (b"\x80\x02", PICKLE),
    (b"\xef\xbb\xbf", BYTE_ORDER_MARK),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
    (b"\x89hdf", "weights of TensorFlow. Convert them with transformers"),
    (b"gguf", "a GGUF file, which only llama.cpp reads. Use the original checkpoint"),
)


def found_instead(content: bytes) -> str | None:
    """Return the kind of a file and the remedy, or None if the kind is not known."""
    if not content.strip():
        return "empty, probably because a download or copy was interrupted. Get it again"
    start = content[:200].lstrip().lower()
    return next((kind for first, kind in STARTS if start.startswith(first)), None)


def found_in_file(file: Path) -> str | None:
    """Return `found_instead` for the first bytes of a file."""
    if not file.is_file():  # reading a pipe would block
        return None
    with file.open("rb") as opened:
        return found_instead(opened.read(200))


def check_no_adapter(directory: Path, name: str | None = None) -> None:
    """Raise CheckpointError if the directory has an adapter of another model, such as LoRA."""
    if (directory / ADAPTER_FILE).is_file():
        raise CheckpointError(
            f"{name or directory} has {ADAPTER_FILE}: it is an adapter (for example LoRA), which "
            "changes the weights of another model. Merge the two once, where peft is installed: "
            "AutoPeftModel.from_pretrained(directory).merge_and_unload().save_pretrained(new), "
            "with the class of the task, and load the new directory."
        )
