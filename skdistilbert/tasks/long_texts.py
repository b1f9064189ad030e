"""Texts that are longer than the model, as windows that overlap."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.nn.windows import Windows, add_windows, no_features
from skdistilbert.tasks.encoding import TEXTS_AT_A_TIME, with_prompt
from skdistilbert.tokenization.truncation import windows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from skdistilbert.models import DistilBertModel
    from skdistilbert.tasks.embedding_plan import EmbeddingPlan
    from skdistilbert.tokenization import WordPieceTokenizer


def pool_windows(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    texts: Sequence[str],
    plan: EmbeddingPlan,
    n_threads: int | None,
) -> NDArray[np.float32]:
    """Pool each text over all of its windows: (n_texts, n_poolings * dim)."""
    features = no_features(len(texts), plan.poolings, model.config.dim)
    stream = _windows_of_texts(tokenizer, texts, plan)
    # So many windows of any texts at a time: a text of any length needs little more than its ids.
    while some := list(islice(stream, TEXTS_AT_A_TIME)):
        input_ids = [ids for ids, _ in some]
        places = Windows(*np.array([place for _, place in some]).T)
        pooled = plan.pool(model, input_ids, n_threads, places)
        add_windows(
            features, pooled.reshape(len(some), *features.shape[1:]), places, plan.poolings
        )
    return features.reshape(len(texts), len(plan.poolings) * model.config.dim)


def _windows_of_texts(
    tokenizer: WordPieceTokenizer, texts: Sequence[str], plan: EmbeddingPlan
) -> Iterator[tuple[list[int], tuple[int, ...]]]:
    """Yield the token ids of each window, and its entry in every field of `Windows`."""
    for row, text in enumerate(texts):
        (ids,) = tokenizer.encode_ragged(
            with_prompt(plan.prompt, [text]), add_special_tokens=False, first_row=row
        ).input_ids
        for window, place in _windows_of_ids(ids.tolist(), plan):
            yield [tokenizer.cls_token_id, *window, tokenizer.sep_token_id], (row, *place)


def _windows_of_ids(
    ids: list[int], plan: EmbeddingPlan
) -> Iterator[tuple[list[int], tuple[int, ...]]]:
    """Give every window the prompt, without which the model would read it as something else."""
    prompt, text = ids[: plan.n_prompt], ids[plan.n_prompt :]
    assert plan.stride is not None
    spans = list(windows(len(text), plan.max_length - 2 - len(prompt), plan.stride))
    n_before, n_tokens = 1 + len(prompt), 2 + len(ids)
    first = document_first = min(plan.n_skipped, n_tokens - 1)
    for (start, stop), following in zip(spans, [*spans[1:], None], strict=True):
        counted_stop = n_before + (following[0] + stop + 1) // 2 if following else n_tokens
        place = (first, counted_stop, start, document_first, n_tokens)
        yield prompt + text[start:stop], place
        first = counted_stop
