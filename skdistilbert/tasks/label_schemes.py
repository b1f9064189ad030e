"""Entities in sequences of labels, in the usual schemes for named entities.

A label such as "B-city" has a prefix and a kind. The prefixes say where an entity begins and ends:

========== ================= ==========================================================
scheme     prefixes          meaning
========== ================= ==========================================================
IOB1, IOB2 I, B              "B" begins an entity, in IOB1 only after one of the same kind
IOE1, IOE2 I, E              "E" ends an entity, in IOE1 only before one of the same kind
BIOES      B, I, E, S        "S" is an entity of one word
BILOU      B, I, L, U        "L" is "E" and "U" is "S" of BIOES
plain      none              neighbouring words with the same label are one entity
========== ================= ==========================================================

In all schemes "O" is not part of an entity. The scheme is detected from the set of all labels,
because "E-mail" can be a prefix with a kind or the name of a kind.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    Span = tuple[int, int, str]

PREFIXED = re.compile(r"([BIESLU])(?:-(.*))?", re.DOTALL)
SCHEMES = (frozenset("BIES"), frozenset("BILU"))  # IOB and IOE use some prefixes of the first
ENDS = {"L": "E", "U": "S"}


class Tag(NamedTuple):
    """A label as one of the prefixes B, I, E and S, and a kind."""

    prefix: str
    kind: str


def parse_labels(labels: Collection[str]) -> dict[str, Tag]:
    """Return the prefix and kind of each label, in the scheme of the set of all labels.

    A label without prefix has the prefix "I", and so has "O". A prefix without kind, such as "B",
    has the kind "_", as in seqeval.

    If only some labels have a prefix, "B-" and "I-" are prefixes only of kinds with several
    labels, such as "B-city" together with "I-city" or "city". All other labels are kinds.
    """
    matches = {label: PREFIXED.fullmatch(label) for label in labels if label != "O"}
    split = {label: Tag(match[1], match[2] or "_") for label, match in matches.items() if match}
    if len(split) < len(matches) or not _is_scheme({tag.prefix for tag in split.values()}):
        split = _shared_kinds(split, matches)
    return {
        label: Tag(ENDS.get(prefix, prefix), kind)
        for label in labels
        for prefix, kind in [split.get(label, Tag("I", label))]
    }


def _is_scheme(prefixes: set[str]) -> bool:
    """Return whether a scheme has these prefixes; every scheme needs "B" or "I"."""
    return bool(prefixes & {"B", "I"}) and any(prefixes <= scheme for scheme in SCHEMES)


def _shared_kinds(split: Mapping[str, Tag], labels: Collection[str]) -> dict[str, Tag]:
    """Return the labels with "B-" or "I-" whose kind also has another label."""
    begun = {label: tag for label, tag in split.items() if tag.prefix in "BI"}
    kinds = [begun[label].kind if label in begun else label for label in labels]
    return {label: tag for label, tag in begun.items() if kinds.count(tag.kind) > 1}


def label_runs(labels: Sequence[str], tags: Mapping[str, Tag] | None = None) -> Iterator[Span]:
    """Yield the start, the stop and the kind of each run of labels that belong together.

    Parameters
    ----------
    labels : list of str
    tags : dict of str to Tag, default=None
        The result of `parse_labels`; None parses the labels of this text.

    Yields
    ------
    start, stop : int
        The first position of the run, and the position after its last.
    kind : str
        "O" for labels outside of entities.
    """
    tags = parse_labels(set(labels)) if tags is None else tags
    start, previous = 0, None
    for position, label in enumerate(labels):
        tag = tags[label]
        if previous is not None and _starts_run(previous, tag):
            yield start, position, previous.kind
            start = position
        previous = tag
    if previous is not None:
        yield start, len(labels), previous.kind


def _starts_run(previous: Tag, tag: Tag) -> bool:
    return tag.kind != previous.kind or tag.prefix in "BS" or previous.prefix in "ES"


def entity_spans(labels: Sequence[str], tags: Mapping[str, Tag] | None = None) -> set[Span]:
    """Return the first word, the word after the last, and the kind of each entity.

    These are the entities of conlleval (Tjong Kim Sang & Buchholz, 2000): "I-" also starts an
    entity if the previous word has another kind.
    """
    return {span for span in label_runs(labels, tags) if span[2] != "O"}


def entity_f1(
    y_true: Iterable[Sequence[str]],
    y_pred: Iterable[Sequence[str]],
    labels: Iterable[str] = (),
    sample_weight: Sequence[float] | None = None,
) -> float:
    """Return the F1 score of the entities of all texts.

    This is seqeval's ``f1_score`` in its default mode (``mode=None``, micro average), which is
    the score of conlleval. For BILOU it equals seqeval after "L-" and "U-" are renamed to "E-" and
    "S-", and for plain labels after "I-" is put before all labels except "O".

    Parameters
    ----------
    y_true, y_pred : iterables of lists of str
        The labels of the words of each text.
    labels : iterable of str, default=()
        Further labels of the scheme, which need not occur in the texts.
    sample_weight : sequence of float, default=None
        The weight of the entities of each text; None: 1.

    Returns
    -------
    float
        An entity is correct if its start, its stop and its kind are. The score is 1.0 if there
        are no true and no predicted entities.
    """
    true_rows, predicted_rows = list(y_true), list(y_pred)
    found = {label for row in (*true_rows, *predicted_rows) for label in row}
    tags = parse_labels({*labels} | found)
    weights = [1.0] * len(true_rows) if sample_weight is None else sample_weight
    n_correct = n_true = n_pred = 0.0  # weighted
    for true_row, predicted_row, weight in zip(true_rows, predicted_rows, weights, strict=True):
        true, predicted = entity_spans(true_row, tags), entity_spans(predicted_row, tags)
        n_correct += weight * len(true & predicted)
        n_true += weight * len(true)
        n_pred += weight * len(predicted)
    return float(2 * n_correct / (n_true + n_pred)) if n_true + n_pred else 1.0
