"""Find named entities in texts.

    python examples/named_entities.py --model MODEL [--strategy STRATEGY] [TEXT ...]

MODEL is a directory or a name on the Hugging Face hub: a DistilBERT or BERT that was fine-tuned
for token classification. This project contains no such model. With the random weights of its tests
the script runs, but the entities are meaningless.
"""

from __future__ import annotations

import argparse
from typing import get_args

from skdistilbert import WordPieceTokenizer, extract_entities, load_model
from skdistilbert.tasks.aggregation import AggregationStrategy

NO_MODEL = """give --model, a checkpoint for token classification. Suitable models are
  dslim/distilbert-NER (English: people, places, organisations, others)
  Davlan/distilbert-base-multilingual-cased-ner-hrl (ten languages)
With `pip install ".[hub]"` you can give these names. Otherwise download config.json, vocab.txt,
tokenizer_config.json and model.safetensors to a directory, and give the directory."""

TEXTS = (
    "Ada Lovelace was born in London and wrote the first program for Charles Babbage's engine.",
    "The Rhine flows from Switzerland through Germany to the North Sea near Rotterdam.",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("texts", nargs="*", default=TEXTS, metavar="TEXT")
    parser.add_argument("--model", help="directory, or name on the hub")
    parser.add_argument("--strategy", choices=get_args(AggregationStrategy)[1:], default="average")
    arguments = parser.parse_args()
    if arguments.model is None:
        parser.error(NO_MODEL)

    model = load_model(arguments.model)
    tokenizer = WordPieceTokenizer.from_pretrained(arguments.model)
    found = extract_entities(
        model, tokenizer, arguments.texts, aggregation_strategy=arguments.strategy
    )
    for text, entities in zip(arguments.texts, found, strict=True):
        print(text)
        for entity in entities:
            name = text[entity["start"] : entity["end"]]
            print(f"  {entity['entity_group']:<8} {entity['score']:.2f}  {name}")


if __name__ == "__main__":
    main()
