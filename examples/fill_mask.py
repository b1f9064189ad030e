"""Predict the words at [MASK] tokens.

    python examples/fill_mask.py --model MODEL [--targets WORD ...] [--texts TEXT ...]

MODEL is a directory or a name on the Hugging Face hub: a pretrained DistilBERT or BERT with its
masked-LM head. This project contains no such model. With the random weights of its tests the
script runs, but the predictions are meaningless.
"""

from __future__ import annotations

import argparse

from skdistilbert import WordPieceTokenizer, load_model, unmask

NO_MODEL = """give --model, a checkpoint with a masked-LM head. Suitable models are
  distilbert/distilbert-base-uncased
  distilbert/distilbert-base-cased
  distilbert/distilbert-base-multilingual-cased
With `pip install ".[hub]"` you can give these names. Otherwise download config.json, vocab.txt,
tokenizer_config.json and model.safetensors to a directory, and give the directory."""

TEXTS = (
    "The capital of France is [MASK].",
    "She opened the door and went [MASK].",
    "In winter the [MASK] is covered with [MASK].",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", nargs="+", default=TEXTS, metavar="TEXT")
    parser.add_argument("--model", help="directory, or name on the hub")
    parser.add_argument("--targets", nargs="+", metavar="WORD", help="words to choose from")
    arguments = parser.parse_args()
    if arguments.model is None:
        parser.error(NO_MODEL)

    model = load_model(arguments.model)
    tokenizer = WordPieceTokenizer.from_pretrained(arguments.model)
    found = unmask(model, tokenizer, arguments.texts, top_k=3, targets=arguments.targets)
    for text, guesses in zip(arguments.texts, found, strict=True):
        print(text)
        # one list per mask if a text has several
        for of_mask in guesses if isinstance(guesses[0], list) else [guesses]:
            print("  " + ", ".join(f"{each['token_str']} {each['score']:.2f}" for each in of_mask))


if __name__ == "__main__":
    main()
