"""The distillation of the bundled model, with little text and a tiny teacher."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.distil.loop import Course, learn
from benchmarks.distil.objective import Weights, pooled_loss, token_loss
from benchmarks.distil.sources import conversation_sentences, facts, rated_sentences, read_sources
from benchmarks.distil.student import Student, new_student
from benchmarks.distil.teacher import read_lessons, teach
from benchmarks.distil.text import training_texts
from skdistilbert import DistilBertConfig, load_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.distil.teacher import Lessons
    from skdistilbert.nn.weights import Array

NOUNS = [
    '00000001 18 n 02 rider 0 Lee_Ho 1 000 | a man with a horse; "the rider stood near the door"',
    "00000002 15 n 01 york 0 001 @i 00000003 n 0000 | the house of the king and of his country",
    "00000004 18 n 01 smith 0 001 @i 00000003 n 0000 | a man who made the first iron horse there",
    '00000005 06 n 01 door 0 000 | what is open or shut; "who stood at the door"',
]
FORTUNE = (
    "Man: What do you want of me now?\n\nKing: The house.\n\t\t-- The old king\n%\nIt is over.\n"
)
KINDS = ["05", "06", "13", "18", "21", "26", "28", "04"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A directory with the structure of the unpacked packages."""
    wordnet, games = tmp_path / "text" / "wordnet", tmp_path / "text" / "games" / "fortunes"
    wordnet.mkdir(parents=True)
    games.mkdir(parents=True)
    (wordnet / "data.noun").write_text("  1 licence\n" + "\n".join(NOUNS) + "\n")
    senses = [f"word{kind}%1:{kind}:00:: 1 {kind}" for kind in KINDS]
    (wordnet / "cntlist.rev").write_text("\n".join([*senses, "see%2:39:00:: 1 9"]) + "\n")
    (games / "old.u8").write_text(FORTUNE)
    return tmp_path / "text"


@pytest.fixture
def lessons(tiny: Path, tmp_path: Path) -> Lessons:
    texts = [f"the man {word} of the house" for word in ("a", "in", "to", "and", "his", "that")]
    teach(texts * 6, tiny, 8, tmp_path / "lessons")
    return read_lessons(tmp_path / "lessons")


def make_student(tiny: Path, lessons: Lessons) -> Student:
    config = DistilBertConfig(
        vocab_size=len(lessons.words), dim=8, n_layers=1, n_heads=2, hidden_dim=16
    )
    positions = load_model(tiny).encoder.embeddings.position_embeddings
    return Student(new_student(config, lessons, positions), lessons)


def test_sentences_are_read_without_markup(text: Path) -> None:
    sources = read_sources(text)
    assert sources["wordnet/data.noun"][:2] == [
        "a man with a horse",
        "the rider stood near the door",
    ]
    assert sources["games/fortunes/old.u8"] == [
        "What do you want of me now?",
        "The house.",
        "It is over.",
    ]


def test_rated_texts_are_read_as_a_whole_and_by_sentence(tmp_path: Path) -> None:
    file = tmp_path / "tweets_GroundTruth.txt"
    file.write_text("1\t-0.5\tNo more tea &amp; coffee today.  We wait.\n2\t1\tGood :)\n")
    whole, *sentences = (
        "No more tea & coffee today. We wait.",
        "No more tea & coffee today.",
        "We wait.",
    )
    assert list(rated_sentences(file)) == [whole, *sentences, "Good :)"]


def test_facts_are_read_by_line(tmp_path: Path) -> None:
    file = tmp_path / "safe.txt"
    file.write_text("A cat sleeps.\nThe sun is a star.\n")
    assert list(dict.fromkeys(facts(file))) == ["A cat sleeps.", "The sun is a star."]


def test_conversations_are_read_as_by_a_yaml_parser(tmp_path: Path) -> None:
    file = tmp_path / "talk.yml"
    file.write_text("categories:\n- x\nconversations:\n- - Is it\n    so?\n  - 'It''s so.'\n")
    assert list(conversation_sentences(file)) == ["Is it so?", "It's so."]


def test_training_texts_are_distinct_and_the_same_in_each_run(text: Path) -> None:
    texts = training_texts(text)
    assert texts == training_texts(text)
    assert len(set(texts)) == len(texts)
    assert not any("{" in question for question in texts)


def test_the_error_for_missing_text_explains_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="apt-get download wordnet-base"):
        training_texts(tmp_path)


def test_lessons_contain_the_hidden_states_of_the_teacher(tiny: Path, lessons: Lessons) -> None:
    model = load_model(tiny)
    ids = lessons.texts.input_ids[: lessons.texts.lengths[0]].tolist()
    expected = model.hidden_states([ids])[0] @ lessons.basis
    np.testing.assert_allclose(lessons.states[: len(ids)], expected, atol=2e-2)
    assert len(lessons.words) == model.config.vocab_size


@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y: token_loss(x, y),
        lambda x, y: pooled_loss(x, y, Weights(cosine=1, similarity=0, contrast=0)),
        lambda x, y: pooled_loss(x, y, Weights(cosine=0, similarity=1, contrast=0)),
        lambda x, y: pooled_loss(x, y, Weights(cosine=0, similarity=0, contrast=1)),
    ],
)
def test_derivatives_of_the_objective_agree_with_finite_differences(
    loss: Callable[[Array, Array], tuple[float, Array]],
) -> None:
    rng = np.random.default_rng(0)
    x, y, direction = rng.normal(size=(3, 7, 5))
    _, derivative = loss(x.copy(), y)
    above, below = (loss(x + step * direction, y)[0] for step in (1e-6, -1e-6))
    np.testing.assert_allclose(np.vdot(derivative, direction), (above - below) / 2e-6, rtol=1e-5)


def test_the_student_learns(tiny: Path, lessons: Lessons) -> None:
    course = Course(36, 40, batch_size=12, learning_rate=1e-2, n_warmup=2, steps_per_report=10)
    history = learn(make_student(tiny, lessons), course)
    assert len(history) == 4
    assert history[-1] < 0.7 * history[0]


@pytest.mark.filterwarnings("default")
def test_one_command_creates_a_checkpoint(text: Path, tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    sizes = ["--dim", "8", "--heads", "2", "--layers", "1", "--steps", "3", "--batch-size", "4"]
    paths = ["--text", text, "--teacher", tiny, "--work", tmp_path / "w"]
    paths += ["--output", tmp_path / "m"]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.distil", *map(str, paths), *sizes],
        check=True,
        cwd=Path(__file__).parents[1],
    )
    model = load_model(tmp_path / "m")
    assert (model.config.dim, model.config.n_layers) == (8, 1)
    assert (tmp_path / "w" / "loss.png").read_bytes().startswith(b"\x89PNG")
