"""Answer questions about a text.

    python examples/question_answering.py --model MODEL [--context FILE] [QUESTION ...]

MODEL is a directory or a name on the Hugging Face hub: a DistilBERT or BERT that was fine-tuned
for extractive question answering. This project contains no such model. With the random weights of
its tests the script runs, but the answers are meaningless.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from skdistilbert import WordPieceTokenizer, answer, load_model

NO_MODEL = """give --model, a checkpoint for question answering. Suitable models are
  distilbert/distilbert-base-cased-distilled-squad
  distilbert/distilbert-base-uncased-distilled-squad
With `pip install ".[hub]"` you can give these names. Otherwise download config.json, vocab.txt,
tokenizer_config.json and model.safetensors to a directory, and give the directory."""

CONTEXT = (
    "The lighthouse on the island was built in 1861 by the harbour company of Brenham, after "
    "three ships had been lost in one winter. Its lamp burned oil until 1934, when a cable "
    "brought electricity from the mainland. The last keeper, Ines Talbot, retired in 1987; since "
    "then the light has been controlled from the port."
)
QUESTIONS = (
    "When was the lighthouse built?",
    "Why was it built?",
    "Who was the last keeper?",
    "What did the lamp burn?",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("questions", nargs="*", default=QUESTIONS, metavar="QUESTION")
    parser.add_argument("--model", help="directory, or name on the hub")
    parser.add_argument("--context", type=Path, metavar="FILE", help="text file of any length")
    arguments = parser.parse_args()
    if arguments.model is None:
        parser.error(NO_MODEL)
    context = arguments.context.read_text(encoding="utf-8") if arguments.context else CONTEXT

    model = load_model(arguments.model)
    tokenizer = WordPieceTokenizer.from_pretrained(arguments.model)
    answers = answer(model, tokenizer, arguments.questions, context, top_k=2)
    for question, best in zip(arguments.questions, answers, strict=True):
        print(question)
        for each in best:
            print(
                f"  {each['score']:.2f}  {each['answer']}  (characters {each['start']} to "
                f"{each['end']})"
            )


if __name__ == "__main__":
    main()
