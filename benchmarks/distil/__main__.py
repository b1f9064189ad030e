"""Distil a small DistilBERT from a larger encoder, with the training code of this package."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.distil.loop import Course, learn, plot
from benchmarks.distil.sources import HOW_TO_GET_THE_TEXT
from benchmarks.distil.student import Student, new_student
from benchmarks.distil.teacher import read_lessons, teach
from benchmarks.distil.text import training_texts
from skdistilbert import DistilBertConfig, DistilBertModel, WordPieceTokenizer, load_model

# For sentence-transformers and `embed`: the features are means of the hidden states.
KINDS = {"": "sentence_transformers.models.Transformer"}
KINDS["1_Pooling"] = "sentence_transformers.models.Pooling"
MODULES = [
    {"idx": index, "name": str(index), "path": path, "type": kind}
    for index, (path, kind) in enumerate(KINDS.items())
]


def main() -> None:
    arguments = _parser().parse_args()
    lessons = arguments.work / "lessons"
    texts = training_texts(arguments.text)[: arguments.texts]
    print(f"{len(texts)} texts, {sum(len(text.split()) for text in texts)} words", flush=True)
    teach(texts, arguments.teacher, arguments.dim, lessons)
    course = Course(len(texts), arguments.steps, arguments.batch_size)
    student = _student(arguments, lessons)
    history = learn(student, course)
    plot(history, course, arguments.work / "loss.png")
    save_half(student.model(), arguments.teacher, arguments.output)


def _student(arguments: argparse.Namespace, directory: Path) -> Student:
    teacher, lessons = load_model(arguments.teacher), read_lessons(directory)
    config = DistilBertConfig(
        vocab_size=len(lessons.words),
        max_position_embeddings=teacher.config.max_position_embeddings,
        dim=arguments.dim,
        n_layers=arguments.layers,
        n_heads=arguments.heads,
        hidden_dim=4 * arguments.dim,
    )
    positions = teacher.encoder.embeddings.position_embeddings
    return Student(new_student(config, lessons, positions), lessons)


def save_half(model: DistilBertModel, teacher: Path, output: Path) -> None:
    """Write a checkpoint with float16 weights, the teacher's vocabulary, and the pooling."""
    model.save_pretrained(output, WordPieceTokenizer.from_pretrained(teacher))
    file = output / "model.safetensors"
    half = {name: array.astype(np.float16) for name, array in load_file(file).items()}
    save_file(half, file, metadata={"format": "pt"})
    file.chmod(0o644)
    config = json.loads((output / "config.json").read_text())
    config["dtype"] = "float32"  # in which transformers computes
    write_json(output / "config.json", config)
    (output / "1_Pooling").mkdir(exist_ok=True)
    write_json(output / "modules.json", MODULES)
    pooling = {"word_embedding_dimension": model.config.dim, "pooling_mode_mean_tokens": True}
    write_json(output / "1_Pooling" / "config.json", pooling)


def write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.distil",
        description=__doc__,
        epilog=f"The text is in packages of Debian and Python:\n\n{HOW_TO_GET_THE_TEXT}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--text", type=Path, required=True, help="directory with the unpacked packages")
    add("--teacher", type=Path, required=True, help="checkpoint, such as all-MiniLM-L6-v2")
    add("--work", type=Path, required=True, help="directory of the teacher's states and the plot")
    add("--output", type=Path, required=True, help="directory for the new checkpoint")
    add("--texts", type=int, default=362_000, help="maximum number of texts")
    add("--steps", type=int, default=18_000)
    add("--batch-size", type=int, default=128, help="texts per step")
    add("--dim", type=int, default=192)
    add("--layers", type=int, default=4)
    add("--heads", type=int, default=6)
    return parser


if __name__ == "__main__":
    main()
