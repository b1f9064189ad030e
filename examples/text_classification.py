"""Fine-tune a classifier, save it as a checkpoint, and classify texts with the checkpoint.

    python examples/text_classification.py [--model MODEL] [--output DIRECTORY]

The script trains on 96 of the requests in support_requests.csv and prints the accuracy on the
other 32. transformers loads the saved checkpoint: pipeline("text-classification", DIRECTORY)
returns the same labels.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from quickstart import NEW_REQUESTS, read_requests
from sklearn.model_selection import train_test_split

from skdistilbert import DistilBertClassifier, WordPieceTokenizer, classify, load_model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    parser.add_argument("--output", type=Path, help="directory to keep the classifier in")
    arguments = parser.parse_args()
    texts, intents = read_requests()
    texts, unseen, intents, expected = train_test_split(
        texts, intents, test_size=32, stratify=intents, random_state=0
    )
    # The classification head of transformers reads the first token.
    classifier = DistilBertClassifier(
        arguments.model, trainable_layers=2, pooling="cls", random_state=0
    )
    classifier.fit(texts, intents)
    print(f"accuracy on {len(unseen)} unseen requests: {classifier.score(unseen, expected):.3f}")
    with TemporaryDirectory() as until_the_end:
        directory = arguments.output or until_the_end
        classifier.save_pretrained(directory)
        model, tokenizer = load_model(directory), WordPieceTokenizer.from_pretrained(directory)
        for request, labels in zip(
            NEW_REQUESTS, classify(model, tokenizer, NEW_REQUESTS, top_k=2), strict=True
        ):
            print(request)
            print("  " + ", ".join(f"{each['label']} {each['score']:.2f}" for each in labels))


if __name__ == "__main__":
    main()
