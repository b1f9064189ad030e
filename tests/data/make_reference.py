"""Make the small checkpoints and reference results in this directory, from transformers.

Run from the project's root, with torch and transformers installed and a vocabulary at hand
(Google's bert-base-uncased, Apache-2.0, of which some 1,100 entries are taken):

    python tests/data/make_reference.py path/to/bert-base-uncased-vocab.txt
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import transformers

if TYPE_CHECKING:
    from transformers import PreTrainedModel

HERE = Path(__file__).parent
VOCAB_SIZE = 1124
SIZES = {"dim": 32, "n_heads": 4, "hidden_dim": 37, "vocab_size": VOCAB_SIZE}
CHECKPOINTS = {
    "distilbert-tiny": ("DistilBertModel", {"n_layers": 5}),
    "distilbert-tiny-sequence-classification": (
        "DistilBertForSequenceClassification",
        {"n_layers": 2, "id2label": {0: "neutral", 1: "angry", 2: "pleased"}},
    ),
    "distilbert-tiny-token-classification": (
        "DistilBertForTokenClassification",
        {"n_layers": 2, "id2label": dict(enumerate(("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))},
    ),
    "distilbert-tiny-question-answering": ("DistilBertForQuestionAnswering", {"n_layers": 2}),
    "distilbert-tiny-masked-lm": ("DistilBertForMaskedLM", {"n_layers": 2}),
}
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_POSITIONS = 128


def main(vocab_file: Path) -> None:
    vocab = small_vocabulary(vocab_file)
    rng = np.random.default_rng(0)
    input_ids, attention_mask = batch(rng)
    for name, (architecture, options) in CHECKPOINTS.items():
        directory = HERE / name
        model = make_model(architecture, options)
        model.save_pretrained(directory)
        (directory / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
        settings = {"do_lower_case": True, "tokenizer_class": "DistilBertTokenizer"}
        (directory / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")
        results = reference(model, input_ids, attention_mask)
        np.savez_compressed(HERE / f"{name}.npz", **results)


def small_vocabulary(vocab_file: Path) -> list[str]:
    """Special tokens, ASCII characters in both forms, then the most frequent words and ends."""
    entries = vocab_file.read_text(encoding="utf-8").splitlines()
    characters = [entry for entry in entries if re.fullmatch(r"(##)?[!-~]", entry)]
    words = [entry for entry in entries if re.fullmatch(r"(##)?[a-z]{2,}", entry)]
    return [*SPECIAL_TOKENS, *characters, *words][:VOCAB_SIZE]


def make_model(architecture: str, options: dict[str, object]) -> PreTrainedModel:
    torch.manual_seed(0)
    # Weights as large as trained ones: with the usual 0.02 all attention would be even.
    config = transformers.DistilBertConfig(
        **SIZES, **options, max_position_embeddings=MAX_POSITIONS, initializer_range=0.2
    )
    model: PreTrainedModel = getattr(transformers, architecture)(config)
    for name, parameter in model.named_parameters():
        if name.endswith(".bias") or "norm" in name.lower():
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.set_attn_implementation("eager")  # the only one that returns attentions
    return model.eval()


def batch(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are full, padded on the right, padded on the left, and full of holes."""
    input_ids = rng.integers(len(SPECIAL_TOKENS), VOCAB_SIZE, (5, 24))
    attention_mask = np.ones_like(input_ids)
    attention_mask[1, 7:] = 0
    attention_mask[2, :15] = 0
    attention_mask[3] = rng.random(24) < 0.5
    attention_mask[4, 1:] = 0
    return input_ids, attention_mask


def reference(
    model: PreTrainedModel, input_ids: np.ndarray, attention_mask: np.ndarray
) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        output = model(
            torch.tensor(input_ids),
            torch.tensor(attention_mask),
            output_hidden_states=True,
            output_attentions=True,
        )
    arrays = {"input_ids": input_ids, "attention_mask": attention_mask}
    for name, value in output.items():
        stacked = torch.stack(value) if isinstance(value, tuple) else value
        arrays[name] = stacked.numpy()
    return arrays


if __name__ == "__main__":
    main(Path(sys.argv[1]))
