"""From labels of tokens to entities, by the strategies of transformers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

import numpy as np

from skdistilbert.tokenization.decoding import join_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

    FloatArray = NDArray[np.float32]

AggregationStrategy = Literal["none", "simple", "first", "average", "max"]


class Entity(TypedDict):
    """Neighbouring tokens of one kind."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class Token(NamedTuple):
    """A token of a text."""

    word: str
    start: int
    end: int
    is_subword: bool


class Labelled(NamedTuple):
    """A token or word with its best label."""

    label: str
    score: np.float32
    word: str
    start: int
    end: int


def tokens_of_text(text: str, encoding: Encoding, tokenizer: WordPieceTokenizer) -> list[Token]:
    """Give the tokens, and which of them continue a word.

    As in transformers, these are the tokens that are longer or shorter than their place in the
    text, such as "##ing".
    """
    tokens = []
    for index, (start, end) in zip(encoding.input_ids, encoding.offsets, strict=True):
        if index == tokenizer.unk_token_id:
            tokens.append(Token(text[start:end], start, end, is_subword=False))
        else:
            word = tokenizer.ids_to_tokens[index]
            tokens.append(Token(word, start, end, is_subword=len(word) != end - start))
    return tokens


def entities_of_window(
    tokens: Sequence[Token],
    scores: FloatArray,
    strategy: AggregationStrategy,
    id2label: Mapping[int, str],
) -> list[Entity]:
    """Group the tokens of a window, whose scores are (n_tokens, num_labels), to entities."""
    if strategy == "simple":
        best = scores.argmax(axis=1)
        labelled = [
            Labelled(id2label[index], row[index], token.word, token.start, token.end)
            for token, row, index in zip(tokens, scores, best.tolist(), strict=True)
        ]
    else:
        labelled = [
            _label_word(tokens[start:stop], scores[start:stop], strategy, id2label)
            for start, stop in _words(tokens)
        ]
    return [_join(group) for group in _groups(labelled)]


def _words(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Give where each word starts and stops."""
    starts = [index for index, token in enumerate(tokens) if not index or not token.is_subword]
    return pairwise([*starts, len(tokens)])


def _label_word(
    tokens: Sequence[Token],
    scores: FloatArray,
    strategy: AggregationStrategy,
    id2label: Mapping[int, str],
) -> Labelled:
    index, score = label_of_word(scores, strategy)
    word = join_tokens([token.word for token in tokens], clean_up=False)
    return Labelled(id2label[index], score, word, tokens[0].start, tokens[-1].end)


def label_of_word(scores: FloatArray, strategy: AggregationStrategy) -> tuple[int, np.float32]:
    """Give the best label of a word and its score, from those of its tokens.

    By their average, by the token with the highest score ("max"), or by the first token.
    """
    if strategy == "average":
        of_word = scores.mean(axis=0)
    elif strategy == "max":
        of_word = scores[scores.max(axis=1).argmax()]
    else:
        of_word = scores[0]
    index = int(of_word.argmax())
    return index, of_word[index]


def _groups(labelled: Iterable[Labelled]) -> Iterator[list[Labelled]]:
    """Give runs of one kind; B- starts a new one, and labels without a prefix continue."""
    group: list[Labelled] = []
    for each in labelled:
        if group and (each.label.startswith("B-") or _kind(each) != _kind(group[-1])):
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def _kind(labelled: Labelled) -> str:
    label = labelled.label
    return label[2:] if label.startswith(("B-", "I-")) else label


def _join(group: Sequence[Labelled]) -> Entity:
    return {
        # Not `_kind`: what stands before the first hyphen goes, whatever it is.
        "entity_group": group[0].label.split("-", 1)[-1],
        "score": float(np.mean([each.score for each in group])),
        "word": join_tokens([each.word for each in group], clean_up=False),
        "start": group[0].start,
        "end": group[-1].end,
    }


def merge_windows(windows: Iterable[list[Entity]]) -> list[Entity]:
    """Of entities that overlap keep the longer, of equally long ones the surer."""
    merged: list[Entity] = []
    for entity in sorted((entity for of in windows for entity in of), key=lambda e: e["start"]):
        if not merged or entity["start"] >= merged[-1]["end"]:
            merged.append(entity)
        elif _weight(entity) > _weight(merged[-1]):
            merged[-1] = entity
    return merged


def _weight(entity: Entity) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]
