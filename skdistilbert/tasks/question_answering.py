"""Answers to questions, found in texts."""

from __future__ import annotations

import warnings
from itertools import islice
from numbers import Integral
from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.exceptions import TruncationWarning
from skdistilbert.models import DistilBertForQuestionAnswering
from skdistilbert.tasks.answer_spans import Answer, AnswerOptions, answers_in_context
from skdistilbert.tasks.checks import check_head, check_positive
from skdistilbert.tasks.encoding import stacklevel_of_caller
from skdistilbert.tasks.windows import USUAL_STRIDE, Window, cut, encode_each, longest_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.models import DistilBertModel
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

# What transformers' pipeline takes.
USUAL_SEQ_LEN = 384


class _Sizes(NamedTuple):
    """How contexts are cut into windows."""

    max_seq_len: int
    doc_stride: int


def answer(
    model: DistilBertModel,
    tokenizer: WordPieceTokenizer,
    question: str | Iterable[str],
    context: str | Iterable[str],
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
    """Find answers in texts, as the pipeline "question-answering" of transformers 4 does.

    Parameters
    ----------
    model : DistilBertForQuestionAnswering
    tokenizer : WordPieceTokenizer
    question, context : str or iterable of str
        A pair, or lists of as many; or one of them a list, each of which meets the other.
    top_k : int, default=1
        How many answers to give.
    doc_stride : int, default: 128, or half of `max_seq_len` if that is less
        By how many tokens the windows overlap into which long contexts are cut.
    max_answer_len : int, default=15
        In tokens.
    max_seq_len : int, default: 384, or what tokenizer and model allow if that is less
        Tokens in a window: of the question, of the context, and 3 special ones.
    max_question_len : int, default=64
        Longer questions are cut to this many tokens, with one warning that counts them.
    handle_impossible_answer : bool, default=False
        Also consider that there is no answer: "" from 0 to 0.
    align_to_words : bool, default=True
        Widen answers to whole words.
    n_threads : int, default: as many as BLAS may use

    Returns
    -------
    dict, or list of dict if `top_k` is not 1; a list of these for lists of pairs
        ``score`` (the product of the probabilities of start and end, summed over places and
        windows with the same words), ``start``, ``end`` and ``answer``, which is
        ``context[start:end]``; best first. There are less than `top_k` if the context has less.

    Raises
    ------
    TypeError
        If the model has no question-answering head, or a question or context is not a string.
    ValueError
        If a question or context is empty, the lists are of uneven lengths, a question leaves no
        room in `max_seq_len`, or `doc_stride` is too large for what room there is.

    Notes
    -----
    transformers documents `max_question_len`, but with its fast tokenizers does not cut;
    ``max_question_len=max_seq_len`` gives the same. Spans that it lists with a score of exactly
    0, to fill up to `top_k`, are left out.

    Examples
    --------
    >>> from skdistilbert import WordPieceTokenizer, answer, load_model
    >>> model = load_model("distilbert-tiny-question-answering")
    >>> tokenizer = WordPieceTokenizer.from_pretrained("distilbert-tiny-question-answering")
    >>> context = "The house is old."
    >>> found = answer(model, tokenizer, "What is old?", context)  # random weights
    >>> found["answer"] == context[found["start"] : found["end"]]
    True
    """
    model = check_head(model, DistilBertForQuestionAnswering, "answer")
    for name, value in (
        ("top_k", top_k),
        ("max_answer_len", max_answer_len),
        ("max_question_len", max_question_len),
    ):
        check_positive(name, value)
    options = AnswerOptions(top_k, max_answer_len, handle_impossible_answer, align_to_words)
    sizes = _window_sizes(max_seq_len, doc_stride, tokenizer, model.config)
    questions, contexts = _as_list(question, "Question"), _as_list(context, "Context")
    question_ids = _question_ids(tokenizer, questions, max_question_len)
    encodings = _encoded(tokenizer, contexts, "Context")
    is_one_question, is_one_context = isinstance(question, str), isinstance(context, str)
    pairs = _pairs(len(questions), len(contexts), is_one_question, is_one_context)
    windows = [_windows(tokenizer, q, question_ids[q], encodings[c], sizes) for q, c in pairs]
    input_ids = [window.input_ids for of_pair in windows for window in of_pair]
    logits = iter(model.logits(input_ids, n_threads=n_threads))
    found = [
        answers_in_context(
            contexts[c], encodings[c], of_pair, islice(logits, len(of_pair)), options
        )
        for (_, c), of_pair in zip(pairs, windows, strict=True)
    ]
    answers = [of_pair[0] if top_k == 1 else of_pair for of_pair in found]
    return answers[0] if is_one_question and is_one_context else answers


def _window_sizes(
    max_seq_len: int | None,
    doc_stride: int | None,
    tokenizer: WordPieceTokenizer,
    config: DistilBertConfig,
) -> _Sizes:
    """Give the sizes, checked, or what they are by default."""
    if max_seq_len is None:
        max_seq_len = min(longest_input(tokenizer, config), USUAL_SEQ_LEN)
    positions = config.max_position_embeddings
    if not isinstance(max_seq_len, Integral) or not 5 <= max_seq_len <= positions:
        raise ValueError(
            "max_seq_len must be an integer between 5, for one token of the question, one of the "
            f"context and 3 special ones, and {positions}, the model's max_position_embeddings; "
            f"got {max_seq_len!r}."
        )
    if doc_stride is None:
        doc_stride = min(max_seq_len // 2, USUAL_STRIDE)
    if not isinstance(doc_stride, Integral) or not 0 <= doc_stride < max_seq_len:
        raise ValueError(
            f"doc_stride must be an integer from 0 to less than max_seq_len={max_seq_len}, as "
            f"windows must not overlap as a whole; got {doc_stride!r}."
        )
    return _Sizes(max_seq_len, doc_stride)


def _as_list(texts: str | Iterable[str], name: str) -> list[str]:
    texts = [texts] if isinstance(texts, str) else list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"{name} {row} must be a string; got {text!r:.99} of type {type(text).__name__}."
            )
    return texts


def _encoded(tokenizer: WordPieceTokenizer, texts: Sequence[str], name: str) -> list[Encoding]:
    encodings = list(encode_each(tokenizer, texts, name=name))
    for row, encoding in enumerate(encodings):
        if not encoding.input_ids:
            raise ValueError(
                f"{name} {row} is empty: {texts[row]!r:.99} has no tokens. Leave it out, or give "
                "a text with words."
            )
    return encodings


def _question_ids(
    tokenizer: WordPieceTokenizer, questions: Sequence[str], max_question_len: int
) -> list[list[int]]:
    """Give the token ids of questions, cut to `max_question_len`, with a warning."""
    ids = [encoding.input_ids for encoding in _encoded(tokenizer, questions, "Question")]
    n_cut = sum(len(of_question) > max_question_len for of_question in ids)
    if n_cut:
        warnings.warn(
            f"{n_cut} of {len(ids)} questions have more than max_question_len={max_question_len} "
            "tokens; what stands after that was not read.",
            TruncationWarning,
            stacklevel=stacklevel_of_caller(),
        )
    return [of_question[:max_question_len] for of_question in ids]


def _pairs(
    n_questions: int,
    n_contexts: int,
    is_one_question: bool,
    is_one_context: bool,
) -> list[tuple[int, int]]:
    """Give which question meets which context; what is one, and no list, meets all others."""
    if is_one_question:
        return [(0, row) for row in range(n_contexts)]
    if is_one_context:
        return [(row, 0) for row in range(n_questions)]
    if n_questions != n_contexts:
        raise ValueError(
            f"Lists of questions and contexts must be of the same length; got {n_questions} "
            f"questions and {n_contexts} contexts."
        )
    return [(row, row) for row in range(n_questions)]


def _windows(
    tokenizer: WordPieceTokenizer,
    row: int,
    question_ids: list[int],
    encoding: Encoding,
    sizes: _Sizes,
) -> list[Window]:
    """Cut a context into windows, each after the whole question."""
    max_seq_len, doc_stride = sizes
    room = max_seq_len - len(question_ids) - 3
    if room < 1:
        raise ValueError(
            f"Question {row} has {len(question_ids)} tokens, which with 3 special ones leave no "
            f"room for the context in max_seq_len={max_seq_len}: shorten it, give a larger "
            "max_seq_len, or cut it with a smaller max_question_len."
        )
    if len(encoding.input_ids) > room and doc_stride >= room:
        raise ValueError(
            f"doc_stride={doc_stride} is too large: after question {row} a window of "
            f"max_seq_len={max_seq_len} has room for {room} tokens of the context; give a "
            f"doc_stride below {room}, or a larger max_seq_len."
        )
    before = [tokenizer.cls_token_id, *question_ids, tokenizer.sep_token_id]
    return cut(encoding.input_ids, before, [tokenizer.sep_token_id], max_seq_len, doc_stride)
