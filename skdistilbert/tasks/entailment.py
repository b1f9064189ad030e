"""Labels that a model was not trained on, from its entailment head.

The head decides whether a text (the premise) entails a sentence about the label (the hypothesis).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.functional import softmax
from skdistilbert.tasks.text_batches import TEXTS_PER_BATCH, USE_WINDOWS, warn_truncated
from skdistilbert.tasks.unknown_tokens import warn_unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.premises import PremiseReader

TEMPLATE = "This example is {}."  # the default of transformers


def fill_template(template: str | None, labels: Sequence[str]) -> list[str]:
    """Return the hypothesis of each label, or raise ValueError."""
    template = TEMPLATE if template is None else template
    if "{}" not in template:
        raise ValueError(
            f'template must contain "{{}}", which each label replaces; got {template!r}.'
        )
    if not labels:
        raise ValueError("labels must name at least one label; got none.")
    return [template.replace("{}", label) for label in labels]


def entailment_scores(
    reader: PremiseReader, texts: Sequence[str], hypotheses: Sequence[str], *, multi_label: bool
) -> FloatArray:
    """Return the score of each hypothesis, (n_texts, n_hypotheses), as transformers computes it.

    With `multi_label` or for one hypothesis, a score is the probability of entailment against
    contradiction. Otherwise the scores of a text sum to 1.

    Raises
    ------
    ValueError
        If the head does not predict entailment, or a hypothesis leaves no room for a text.
    """
    entails = _entailment_index(reader.model.config)
    logits = _pair_logits(reader, texts, hypotheses)
    if multi_label or len(hypotheses) == 1:
        contradicts = -1 if entails == 0 else 0
        return softmax(logits[..., [contradicts, entails]])[..., 1]
    return softmax(logits[..., entails])


def entailment_logits(
    reader: PremiseReader,
    texts: Sequence[str],
    hypotheses: Sequence[str],
    advance: Callable[[int], object] | None = None,
) -> FloatArray:
    """Return the logit of entailment of each hypothesis, (n_texts, n_hypotheses).

    `advance` is called with the number of texts that have been read. Raises as
    `entailment_scores`.
    """
    entails = _entailment_index(reader.model.config)
    return _pair_logits(reader, texts, hypotheses, advance)[..., entails]


def _pair_logits(
    reader: PremiseReader,
    texts: Sequence[str],
    hypotheses: Sequence[str],
    advance: Callable[[int], object] | None = None,
) -> FloatArray:
    """Return the logits of each text with each hypothesis: (n_texts, n_hypotheses, n_outputs)."""
    reader.check_room(hypotheses)
    warn_unknown(reader.tokenizer, texts)
    shape = len(texts), len(hypotheses), reader.model.config.num_labels
    logits = np.empty(shape, np.float32)
    truncated_rows: set[int] = set()
    step = max(1, TEXTS_PER_BATCH // len(hypotheses))
    for start in range(0, len(texts), step):
        batch = texts[start : start + step]
        logits[start : start + step], truncated = reader.logits(batch, hypotheses)
        truncated_rows |= {start + row for row in truncated}
        if advance is not None:
            advance(len(batch))
    limit = f"max_length={reader.max_length}"
    warn_truncated(sorted(truncated_rows), texts, limit, remedy=USE_WINDOWS)
    return logits


def _entailment_index(config: DistilBertConfig) -> int:
    """Return the output whose label starts with "entail", or raise ValueError."""
    for label, index in config.label2id.items():
        if label.lower().startswith("entail") and config.num_labels > 1:
            return index
    raise ValueError(
        'This task needs a model for entailment, with an output whose label starts with "entail"; '
        f"this model has the outputs {list(config.label2id)}."
    )
