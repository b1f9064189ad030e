"""Find answers to questions in texts."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack, overload

from skdistilbert.models import DistilBertForQuestionAnswering
from skdistilbert.number_checks import check_at_least, is_integer
from skdistilbert.tasks.answer_spans import Answer, AnswerOptions, answers_in_context
from skdistilbert.tasks.checks import check_max_length, load_inputs
from skdistilbert.tasks.text_batches import warn_truncated
from skdistilbert.tasks.text_input import check_texts
from skdistilbert.tasks.unknown_tokens import warn_unknown
from skdistilbert.tasks.windows import DEFAULT_STRIDE, Window, cut, encode_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.tasks.checks import ModelOrPath
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

DEFAULT_SEQ_LEN = 384  # that of transformers' pipeline


class AnswerArguments(TypedDict, total=False):
    """The keyword arguments of `answer`, except for `top_k`."""

    doc_stride: int | None
    max_answer_len: int
    max_seq_len: int | None
    max_question_len: int
    handle_impossible_answer: bool
    align_to_words: bool
    n_threads: int | None


@overload
def answer(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    question: str,
    context: str,
    *,
    top_k: Literal[1] = 1,
    **options: Unpack[AnswerArguments],
) -> Answer: ...
@overload
def answer(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    question: str,
    context: str,
    *,
    top_k: int,
    **options: Unpack[AnswerArguments],
) -> list[Answer]: ...
@overload
def answer(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    question: str | Iterable[str],
    context: str | Iterable[str],
    *,
    top_k: Literal[1] = 1,
    **options: Unpack[AnswerArguments],
) -> list[Answer]: ...
@overload
def answer(
    model: ModelOrPath,
    question: str | Iterable[str],
    context: str | Iterable[str],
    *,
    top_k: int,
    **options: Unpack[AnswerArguments],
) -> list[list[Answer]]: ...
@overload
def answer(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    question: str,
    context: str,
    *,
    top_k: Literal[1] = 1,
    **options: Unpack[AnswerArguments],
) -> Answer: ...
@overload
def answer(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    question: str,
    context: str,
    *,
    top_k: int,
    **options: Unpack[AnswerArguments],
) -> list[Answer]: ...
@overload
def answer(  # type: ignore[overload-overlap]
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    question: str | Iterable[str],
    context: str | Iterable[str],
    *,
    top_k: Literal[1] = 1,
    **options: Unpack[AnswerArguments],
) -> list[Answer]: ...
@overload
def answer(
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | None,
    question: str | Iterable[str],
    context: str | Iterable[str],
    *,
    top_k: int,
    **options: Unpack[AnswerArguments],
) -> list[list[Answer]]: ...
def answer(  # type: ignore[misc]  # the question may be the second argument
    model: ModelOrPath,
    tokenizer: WordPieceTokenizer | str | Iterable[str] | None = None,
    question: str | Iterable[str] | None = None,
    context: str | Iterable[str] | None = None,
    *,
    top_k: int = 1,
    doc_stride: int | None = None,
    max_answer_len: int = 15,
    max_seq_len: int | None = None,
    max_question_len: int = 64,
    handle_impossible_answer: bool = False,
    align_to_words: bool = True,
    n_threads: int | None = None,
) -> Answer | list[Answer] | list[Answer | list[Answer]]:
    """Return answers in texts, as the pipeline "question-answering" of transformers 4 does.

    Call ``answer(model, question, context)`` or ``answer(model, tokenizer, question, context)``.
    The notes list the differences to transformers.

    Parameters
    ----------
    model : DistilBertForQuestionAnswering, str or path-like
        The model; or its directory or hub name, from which it is then loaded in every call.
    tokenizer : WordPieceTokenizer, default: that of the model's checkpoint
    question, context : str or iterable of str
        A question and a context, or lists of the same length. A single question is asked about
        every context of a list. A list of questions is asked about a single context.
    top_k : int, default=1
        Number of answers to return.
    doc_stride : int, default: 128, or half of `max_seq_len` if this is less
        Number of tokens in the overlap of the windows in which long contexts are read.
    max_answer_len : int, default=15
        Maximum number of tokens in an answer.
    max_seq_len : int, default: 384, or the limit of tokenizer and model if this is less
        Number of tokens in a window: question, context and 3 special tokens.
    max_question_len : int, default=64
        Longer questions are truncated to this many tokens, with one warning that names them.
    handle_impossible_answer : bool, default=False
        Also consider the answer "" from 0 to 0, which means that there is no answer.
    align_to_words : bool, default=True
        Extend answers to whole words.
    n_threads : int, default: the number of threads that BLAS may use

    Returns
    -------
    dict, or list of dict if `top_k` is not 1; for lists of pairs, a list with one such result each
        Each dict has ``score``, ``start``, ``end`` and ``answer``, which is
        ``context[start:end]``. The best answer is first. Short contexts have fewer than `top_k`
        answers.

        ``score`` is a probability in the window where it is highest: the product of the
        probabilities of start and end, summed over the best ``2 * top_k + 10`` spans of this
        window that are the same words. ``start`` and ``end`` are the position of the best of these
        spans. The score of the answer "" is its lowest score in all windows. Scores can therefore
        be compared between contexts of any length, and with the score of the answer "".

    Raises
    ------
    TypeError
        If `model` has no question-answering head, or a question or context is not a string.
    ValueError
        If a question or context is empty, the lists have different lengths, a question leaves no
        room in `max_seq_len`, or `doc_stride` is too large for the remaining room.

    Notes
    -----
    The results differ from transformers 4 in these cases:

    - transformers adds the scores of the same words in all windows, so that the sum may exceed 1
      and grows with the length of the context. It returns the position in the first of these
      windows.
    - transformers cuts off words at the end of a window.
    - transformers documents `max_question_len` but ignores it with its fast tokenizers. Here,
      ``max_question_len=max_seq_len`` returns the same answers.
    - transformers returns answers with a score of exactly 0.

    Examples
    --------
    A checkpoint with trained weights, such as "distilbert/distilbert-base-cased-distilled-squad",
    is used as ``answer("distilbert/distilbert-base-cased-distilled-squad", question, context)``.
    This head has zeros as weights, so all parts of the context have the same score:

    >>> import numpy as np
    >>> from skdistilbert import DistilBertForQuestionAnswering, answer, load_model
    >>> encoder = load_model("mini")
    >>> head = {
    ...     "qa_outputs.weight": np.zeros((2, encoder.config.dim), np.float32),
    ...     "qa_outputs.bias": np.zeros(2, np.float32),
    ... }
    >>> model = DistilBertForQuestionAnswering(encoder.config, {**encoder.weights, **head})
    >>> context = "The house is old."
    >>> found = answer(model, encoder.tokenizer, "What is old?", context)
    >>> found["answer"] == context[found["start"] : found["end"]]
    True
    """
    model, tokenizer, question, context = load_inputs(
        "answer", DistilBertForQuestionAnswering, model, tokenizer, question, context
    )
    for name, value in (
        ("top_k", top_k),
        ("max_answer_len", max_answer_len),
        ("max_question_len", max_question_len),
    ):
        check_at_least(name, value, 1)
    options = AnswerOptions(top_k, max_answer_len, handle_impossible_answer, align_to_words)
    sizes = _window_sizes(max_seq_len, doc_stride, tokenizer, model.config)
    is_one_question, is_one_context = isinstance(question, str), isinstance(context, str)
    questions = check_texts([question] if is_one_question else question, noun="question")
    contexts = check_texts([context] if is_one_context else context, noun="context")
    warn_unknown(tokenizer, contexts, noun="context")
    question_ids = _question_ids(tokenizer, questions, max_question_len)
    encodings = _encode(tokenizer, contexts, "context")
    pairs = _pairs(len(questions), len(contexts), is_one_question, is_one_context)
    windows = [_windows(tokenizer, q, question_ids[q], encodings[c], *sizes) for q, c in pairs]
    input_ids = [window.input_ids for pair_windows in windows for window in pair_windows]
    types = None
    if model.config.uses_token_types:
        types = _token_types([len(question_ids[q]) for q, _ in pairs], windows)
    logits = iter(model.logits(input_ids, token_type_ids=types, n_threads=n_threads))
    ranked = [
        answers_in_context(
            contexts[c], encodings[c], pair_windows, islice(logits, len(pair_windows)), options
        )
        for (_, c), pair_windows in zip(pairs, windows, strict=True)
    ]
    answers = [pair_answers[0] if top_k == 1 else pair_answers for pair_answers in ranked]
    return answers[0] if is_one_question and is_one_context else answers


def _window_sizes(
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


def _encode(tokenizer: WordPieceTokenizer, texts: Sequence[str], noun: str) -> list[Encoding]:
    """Return the tokens of each text; raise ValueError for a text without tokens."""
    encodings = list(encode_each(tokenizer, texts))
    for row, encoding in enumerate(encodings):
        if not encoding.input_ids:
            raise ValueError(
                f"Every {noun} must have tokens; {noun} {row}, {texts[row]!r:.99}, has none. "
                "Remove it."
            )
    return encodings


def _question_ids(
    tokenizer: WordPieceTokenizer, questions: Sequence[str], max_question_len: int
) -> list[list[int]]:
    """Return the token ids of questions, truncated with a warning."""
    rows = [encoding.input_ids for encoding in _encode(tokenizer, questions, "question")]
    truncated_rows = [row for row, ids in enumerate(rows) if len(ids) > max_question_len]
    limit = f"max_question_len={max_question_len}"
    remedy = "Increase max_question_len to read them completely."
    warn_truncated(truncated_rows, questions, limit, noun="question", remedy=remedy)
    return [ids[:max_question_len] for ids in rows]


def _pairs(
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


def _windows(
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


def _token_types(question_lengths: list[int], windows: list[list[Window]]) -> list[list[int]]:
    """Return the token types of each window: 1 for tokens after the question and its [SEP]."""
    return [
        [int(place >= n_tokens + 2) for place in range(len(window.input_ids))]
        for n_tokens, pair_windows in zip(question_lengths, windows, strict=True)
        for window in pair_windows
    ]
