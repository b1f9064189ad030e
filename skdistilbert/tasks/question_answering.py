"""Find answers to questions in texts."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack, overload

from skdistilbert.models import DistilBertForQuestionAnswering
from skdistilbert.number_checks import check_at_least
from skdistilbert.tasks.answer_spans import Answer, AnswerOptions, answers_in_context
from skdistilbert.tasks.checks import load_inputs
from skdistilbert.tasks.question_windows import (
    context_windows,
    encode_nonempty,
    encode_questions,
    rows_of_pairs,
    window_sizes,
)
from skdistilbert.tasks.text_input import check_texts
from skdistilbert.tasks.unknown_tokens import warn_unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from skdistilbert.models.outputs import FloatArray
    from skdistilbert.tasks.checks import ModelOrPath
    from skdistilbert.tasks.windows import Window
    from skdistilbert.tokenization import WordPieceTokenizer


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
        probabilities of start and end, summed over the spans of this window that are the same
        words. Only the best ``2 * top_k + 10`` spans are considered, or the best `top_k` spans if
        `align_to_words` is False. ``start`` and ``end`` are the position of the best span. The
        score of the answer "" is its lowest score in all windows. Scores can therefore
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
    check_at_least("top_k", top_k, 1)
    check_at_least("max_answer_len", max_answer_len, 1)
    check_at_least("max_question_len", max_question_len, 1)
    options = AnswerOptions(top_k, max_answer_len, handle_impossible_answer, align_to_words)
    sizes = window_sizes(max_seq_len, doc_stride, tokenizer, model.config)
    is_one_question, is_one_context = isinstance(question, str), isinstance(context, str)
    questions = check_texts([question] if is_one_question else question, noun="question")
    contexts = check_texts([context] if is_one_context else context, noun="context")
    warn_unknown(tokenizer, contexts, noun="context")
    question_ids = encode_questions(tokenizer, questions, max_question_len)
    encodings = encode_nonempty(tokenizer, contexts, "context")
    pairs = rows_of_pairs(len(questions), len(contexts), is_one_question, is_one_context)
    windows = [
        context_windows(tokenizer, q, question_ids[q], encodings[c], *sizes) for q, c in pairs
    ]
    question_lengths = [len(question_ids[q]) for q, _ in pairs]
    ranked = [
        answers_in_context(contexts[c], encodings[c], pair_windows, logits, options)
        for (_, c), pair_windows, logits in zip(
            pairs, windows, _logits(model, windows, question_lengths, n_threads), strict=True
        )
    ]
    answers = [pair_answers[0] if top_k == 1 else pair_answers for pair_answers in ranked]
    return answers[0] if is_one_question and is_one_context else answers


def _logits(
    model: DistilBertForQuestionAnswering,
    windows: list[list[Window]],
    question_lengths: list[int],
    n_threads: int | None,
) -> Iterator[list[FloatArray]]:
    """Yield the logits of the windows of each pair, (n_tokens, 2) for each window."""
    input_ids = [window.input_ids for pair_windows in windows for window in pair_windows]
    types = _token_types(question_lengths, windows) if model.config.uses_token_types else None
    logits = iter(model.logits(input_ids, token_type_ids=types, n_threads=n_threads))
    for pair_windows in windows:
        yield list(islice(logits, len(pair_windows)))


def _token_types(question_lengths: list[int], windows: list[list[Window]]) -> list[list[int]]:
    """Return the token types of each window: 1 for tokens after the question and its [SEP]."""
    return [
        [int(place >= n_tokens + 2) for place in range(len(window.input_ids))]
        for n_tokens, pair_windows in zip(question_lengths, windows, strict=True)
        for window in pair_windows
    ]
