"""The windows of contexts in which answers to questions are searched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skdistilbert.number_checks import is_integer
from skdistilbert.tasks.checks import check_max_length
from skdistilbert.tasks.text_batches import warn_truncated
from skdistilbert.tasks.windows import DEFAULT_STRIDE, Window, cut, encode_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

DEFAULT_SEQ_LEN = 384  # the default of transformers' pipeline


def window_sizes(
    max_seq_len: int | None,
    doc_stride: int | None,
    tokenizer: WordPieceTokenizer,
    config: DistilBertConfig,
) -> tuple[int, int]:
    """Return `max_seq_len` and `doc_stride`, validated and with their defaults for None."""
    if max_seq_len is None:
        max_seq_len = min(check_max_length(None, config, tokenizer), DEFAULT_SEQ_LEN)
    positions = config.max_position_embeddings
    if not is_integer(max_seq_len) or not 5 <= max_seq_len <= positions:
        raise ValueError(
            "max_seq_len must be an integer between 5, for one token of the question, one of the "
            f"context and 3 special tokens, and {positions}, the model's max_position_embeddings; "
            f"got {max_seq_len!r}."
        )
    if doc_stride is None:
        doc_stride = min(max_seq_len // 2, DEFAULT_STRIDE)
    if not is_integer(doc_stride) or not 0 <= doc_stride < max_seq_len:
        raise ValueError(
            f"doc_stride must be an integer from 0 to less than max_seq_len={max_seq_len}; "
            f"got {doc_stride!r}."
        )
    return max_seq_len, doc_stride


def encode_nonempty(
    tokenizer: WordPieceTokenizer, texts: Sequence[str], noun: str
) -> list[Encoding]:
    """Return the tokens of each text; raise ValueError for a text without tokens."""
    encodings = list(encode_each(tokenizer, texts))
    for row, encoding in enumerate(encodings):
        if not encoding.input_ids:
            raise ValueError(
                f"Every {noun} must have tokens; {noun} {row}, {texts[row]!r:.99}, has none. "
                "Remove it."
            )
    return encodings


def encode_questions(
    tokenizer: WordPieceTokenizer, questions: Sequence[str], max_question_len: int
) -> list[list[int]]:
    """Return the token ids of questions, truncated with a warning."""
    rows = [encoding.input_ids for encoding in encode_nonempty(tokenizer, questions, "question")]
    truncated_rows = [row for row, ids in enumerate(rows) if len(ids) > max_question_len]
    limit = f"max_question_len={max_question_len}"
    remedy = "Increase max_question_len to read them completely."
    warn_truncated(truncated_rows, questions, limit, noun="question", remedy=remedy)
    return [ids[:max_question_len] for ids in rows]


def rows_of_pairs(
    n_questions: int, n_contexts: int, is_one_question: bool, is_one_context: bool
) -> list[tuple[int, int]]:
    """Return the row of the question and the row of the context of each pair."""
    if not is_one_question and not is_one_context and n_questions != n_contexts:
        raise ValueError(
            f"Lists of questions and contexts must have the same length; got {n_questions} "
            f"questions and {n_contexts} contexts."
        )
    n_pairs = n_contexts if is_one_question else n_questions
    return [(row * (not is_one_question), row * (not is_one_context)) for row in range(n_pairs)]


def context_windows(
    tokenizer: WordPieceTokenizer,
    row: int,
    question_ids: list[int],
    encoding: Encoding,
    max_seq_len: int,
    doc_stride: int,
) -> list[Window]:
    """Return the windows of a context, each after the whole question."""
    room = max_seq_len - len(question_ids) - 3
    if room < 1:
        raise ValueError(
            f"Question {row} has {len(question_ids)} tokens, which with 3 special tokens leave no "
            f"room for the context in max_seq_len={max_seq_len}. Shorten the question, increase "
            "max_seq_len or decrease max_question_len."
        )
    if len(encoding.input_ids) > room and doc_stride >= room:
        raise ValueError(
            f"doc_stride={doc_stride} is too large: after question {row} a window of "
            f"max_seq_len={max_seq_len} has room for {room} tokens of the context. Use a "
            f"doc_stride below {room} or a larger max_seq_len."
        )
    before = [tokenizer.cls_token_id, *question_ids, tokenizer.sep_token_id]
    return cut(encoding.input_ids, before, [tokenizer.sep_token_id], max_seq_len, doc_stride)
