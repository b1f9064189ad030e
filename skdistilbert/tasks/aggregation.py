"""Group labelled tokens into entities, with the aggregation strategies of transformers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

import numpy as np

from skdistilbert.tasks.label_schemes import label_runs
from skdistilbert.tokenization.decoding import join_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.label_schemes import Tag
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

AggregationStrategy = Literal["none", "simple", "first", "average", "max"]


class Entity(TypedDict):
    """Neighbouring tokens of the same kind."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class Token(NamedTuple):
    """A token of a text, and the index of its word in the text."""

    word: str
    start: int
    end: int
    word_id: int | None


class Labelled(NamedTuple):
    """A token or word with its best label."""

    label: str
    score: np.float32
    word: str
    start: int
    end: int


def split_tokens(text: str, encoding: Encoding, tokenizer: WordPieceTokenizer) -> list[Token]:
    """Return the tokens of a text; an unknown word is its own token."""
    fields = zip(encoding.input_ids, encoding.offsets, encoding.word_ids, strict=True)
    return [
        Token(
            text[start:end] if index == tokenizer.unk_token_id else tokenizer.ids_to_tokens[index],
            start,
            end,
            word_id,
        )
        for index, (start, end), word_id in fields
    ]


def group_entities(
    tokens: Sequence[Token],
    scores: FloatArray,
    strategy: AggregationStrategy,
    id2label: Mapping[int, str],
    tags: Mapping[str, Tag],
) -> list[Entity]:
    """Return the entities of a window.

    Parameters
    ----------
    tokens : list of Token
    scores : ndarray of shape (n_tokens, num_labels)
    strategy : {"simple", "first", "average", "max"}
    id2label : dict of int to str
    tags : dict of str to Tag
        The prefix and kind of each label.
    """
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
    runs = label_runs([token.label for token in labelled], tags)
    return [_join(labelled[start:stop], kind) for start, stop, kind in runs]


def _words(tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Return the range of tokens of each word."""
    borders = [
        index
        for index, (token, following) in enumerate(pairwise(tokens), 1)
        if token.word_id != following.word_id
    ]
    return pairwise([0, *borders, len(tokens)] if tokens else [])


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
    """Return the best label of a word and its score, given the scores of its tokens.

    A word has the mean scores of its tokens ("average"), the scores of the token with the highest
    score ("max"), or the scores of its first token.
    """
    if strategy == "average":
        word_scores = scores.mean(axis=0)
    elif strategy == "max":
        word_scores = scores[scores.max(axis=1).argmax()]
    else:
        word_scores = scores[0]
    index = int(word_scores.argmax())
    return index, word_scores[index]


def _join(group: Sequence[Labelled], kind: str) -> Entity:
    return {
        "entity_group": kind,
        "score": float(np.mean([each.score for each in group])),
        "word": join_tokens([each.word for each in group], clean_up=False),
        "start": group[0].start,
        "end": group[-1].end,
    }


def merge_overlapping(entities: Iterable[Entity]) -> list[Entity]:
    """Keep the longest of overlapping entities; of equal lengths, the one with the best score."""
    merged: list[Entity] = []
    for entity in sorted(entities, key=lambda entity: entity["start"]):
        if not merged or entity["start"] >= merged[-1]["end"]:
            merged.append(entity)
        elif _weight(entity) > _weight(merged[-1]):
            merged[-1] = entity
    return merged


def _weight(entity: Entity) -> tuple[int, float]:
    return entity["end"] - entity["start"], entity["score"]
