"""Make the small checkpoints and reference results in this directory, from transformers.

Run the script from the project's root. It needs torch, transformers and the vocabulary of Google's
bert-base-uncased (Apache-2.0), from which it takes some 1,100 entries:

    python tests/data/make_reference.py path/to/bert-base-uncased-vocab.txt [checkpoint ...]
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
BERT_NAMES = {
    "dim": "hidden_size",
    "n_heads": "num_attention_heads",
    "hidden_dim": "intermediate_size",
    "vocab_size": "vocab_size",
}
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
    "bert-tiny-sequence-classification": (
        "BertForSequenceClassification",
        {
            "num_hidden_layers": 2,
            "id2label": {0: "contradiction", 1: "entailment", 2: "neutral"},
            "layer_norm_eps": 1e-7,
            "hidden_dropout_prob": 0.2,
            "classifier_dropout": 0.3,
        },
    ),
}
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_POSITIONS = 128


def main(vocab_file: Path, *names: str) -> None:
    vocab = small_vocabulary(vocab_file)
    rng = np.random.default_rng(0)
    inputs = batch(rng)
    for name in names or CHECKPOINTS:
        architecture, options = CHECKPOINTS[name]
        directory = HERE / name
        model = make_model(architecture, options)
        model.save_pretrained(directory)
        (directory / "vocab.txt").write_text("\n".join(vocab) + "\n", encoding="utf-8")
        settings = {"do_lower_case": True, "tokenizer_class": f"{prefix(architecture)}Tokenizer"}
        (directory / "tokenizer_config.json").write_text(json.dumps(settings) + "\n")
        types = {"token_type_ids": rng.integers(0, 2, inputs["input_ids"].shape)}
        results = reference(model, inputs | (types if prefix(architecture) == "Bert" else {}))
        np.savez_compressed(HERE / f"{name}.npz", **results)


def small_vocabulary(vocab_file: Path) -> list[str]:
    """Special tokens, ASCII characters in both forms, then the most frequent words and ends."""
    entries = vocab_file.read_text(encoding="utf-8").splitlines()
    characters = [entry for entry in entries if re.fullmatch(r"(##)?[!-~]", entry)]
    words = [entry for entry in entries if re.fullmatch(r"(##)?[a-z]{2,}", entry)]
    return [*SPECIAL_TOKENS, *characters, *words][:VOCAB_SIZE]


def prefix(architecture: str) -> str:
    """Return the start of the names of its classes."""
    return "DistilBert" if architecture.startswith("DistilBert") else "Bert"


def make_model(architecture: str, options: dict[str, object]) -> PreTrainedModel:
    torch.manual_seed(0)
    # Weights as large as trained ones: with the usual 0.02 all attention would be even.
    bert = prefix(architecture) == "Bert"
    sizes = {BERT_NAMES[name]: size for name, size in SIZES.items()} if bert else SIZES
    config = getattr(transformers, f"{prefix(architecture)}Config")(
        **sizes, **options, max_position_embeddings=MAX_POSITIONS, initializer_range=0.2
    )
    model: PreTrainedModel = getattr(transformers, architecture)(config)
    for name, parameter in model.named_parameters():
        if name.endswith(".bias") or "norm" in name.lower():
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.set_attn_implementation("eager")  # the only one that returns attentions
    return model.eval()


def batch(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Rows that are full, padded on the right, padded on the left, and full of holes."""
    input_ids = rng.integers(len(SPECIAL_TOKENS), VOCAB_SIZE, (5, 24))
    attention_mask = np.ones_like(input_ids)
    attention_mask[1, 7:] = 0
    attention_mask[2, :15] = 0
    attention_mask[3] = rng.random(24) < 0.5
    attention_mask[4, 1:] = 0
    return {"input_ids": input_ids, "attention_mask": attention_mask}


def reference(model: PreTrainedModel, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    tensors = {name: torch.tensor(array) for name, array in inputs.items()}
    with torch.inference_mode():
        output = model(**tensors, output_hidden_states=True, output_attentions=True)
    arrays = dict(inputs)
    for name, value in output.items():
        stacked = torch.stack(value) if isinstance(value, tuple) else value
        arrays[name] = stacked.numpy()
    return arrays


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
