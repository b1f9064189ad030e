"""Write tokenizer-files.json: what peers return for each case of tests/tokenization/file_keys.py.

    python -m tests.data.make_tokenizer_reference

It needs transformers 5 and sentence-transformers 6.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from sentence_transformers.sentence_transformer.modules import Transformer
from transformers import AutoTokenizer

from tests.conftest import DATA
from tests.tokenization.file_keys import CASES, MAX_LENGTH, SENTENCE, TEXTS, Case, write_case


def results(case: Case, directory: Path) -> dict[str, Any]:
    if case.file == SENTENCE:
        tokenizer = Transformer.load(str(directory)).tokenizer
    else:
        tokenizer = AutoTokenizer.from_pretrained(directory)
    limit = tokenizer.model_max_length
    return {
        "model_max_length": limit if limit < 10**9 else None,
        "ids": [tokenizer.encode(text) for text in TEXTS],
        "truncated": [
            tokenizer.encode(text, truncation=True, max_length=MAX_LENGTH) for text in TEXTS
        ],
        "padded": tokenizer(TEXTS, padding=True)["input_ids"],
    }


def main() -> None:
    reference = {}
    for case in CASES:
        if case.effect == "rejected":
            continue
        with tempfile.TemporaryDirectory() as root:
            write_case(case, Path(root) / "case")
            reference[case.name] = results(case, Path(root) / "case")
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in reference.items()]
    (DATA / "tokenizer-files.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
