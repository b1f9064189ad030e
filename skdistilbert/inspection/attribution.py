"""Attribute the prediction of each text to its words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from skdistilbert.inspection.differentiable import as_differentiable
from skdistilbert.inspection.explained_output import ExplainedOutput, ResponseMethod
from skdistilbert.inspection.explained_text import ExplainedText
from skdistilbert.inspection.fitted_encoders import find_tokenizers
from skdistilbert.inspection.integrated_gradients import explain_by_integrated_gradients
from skdistilbert.inspection.kernel_shap import KernelShap
from skdistilbert.inspection.occlusion import Occlusion
from skdistilbert.inspection.word_spans import find_words, group_into_sentences, split_pair
from skdistilbert.tasks.pair_input import check_texts_or_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from skdistilbert.inspection.explained_text import Explanation, Groups
    from skdistilbert.inspection.word_spans import Span
    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tokenization import WordPieceTokenizer

Method = Literal["occlusion", "kernel_shap", "integrated_gradients"]
Unit = Literal["word", "sentence"]

NO_WORDS = "The text has no words."
UNKNOWN_WORDS = "The tokenizer knows no word of the text."
NO_EFFECT = "No word changes the score."


@dataclass(frozen=True)
class Attribution:
    """The attributions of one text.

    Attributes
    ----------
    text : str or (str, str)
        The text, or the pair of texts.
    words : list of str
        The words, or the sentences if `unit` is "sentence".
    spans : list of (int, int)
        Position of each word: ``text[start:stop]``.
    segments : list of int
        The text of a pair that contains the word: 0 or 1. For a single text always 0.
    values : ndarray of shape (n_words,)
        Contribution of each word to the score. Float64.
    target : object
        The explained class, label or output. None if the estimator has only one output.
    prediction : object
        The prediction of the estimator; a list of labels for multi-label targets.
    probability : float or None
        The probability of the target if the estimator has ``predict_proba``.
    score : float
        The explained number of the text, such as the logit of the target.
    base_value : float
        The score of the text with all words hidden.
    error : float or None
        The difference between the sum of the values of integrated gradients and
        ``score - base_value``, divided by ``score - base_value``. None for other methods.
    reason : str or None
        Why there are no values, or only zeros.
    """

    text: TextOrPair
    words: list[str]
    spans: list[tuple[int, int]]
    segments: list[int]
    values: NDArray[np.float64]
    target: Any
    prediction: Any
    probability: float | None
    score: float
    base_value: float
    error: float | None
    reason: str | None


def explain(
    estimator: Any,  # noqa: ANN401
    X: object,
    target: object,
    method: Method,
    unit: Unit,
    response_method: ResponseMethod = "auto",
) -> list[Attribution]:
    """Return a record for each text; see `AttributionDisplay.from_estimator`."""
    _check_option("method", method, get_args(Method))
    _check_option("unit", unit, get_args(Unit))
    _check_option("response_method", response_method, get_args(ResponseMethod))
    by_gradients = method == "integrated_gradients"
    if by_gradients and response_method != "auto":
        raise ValueError(
            "response_method must be 'auto' with method='integrated_gradients', which explains "
            f"logits and the numbers of regressors; got {response_method!r}."
        )
    texts = check_texts_or_pairs(X, allow_empty=False)
    output, predictions = ExplainedOutput.of_estimator(estimator, texts, response_method)
    differentiable = as_differentiable(estimator, output) if by_gradients else None
    tokenizers = find_tokenizers(estimator)
    records, explained = _begin(texts, output, predictions, target, unit)
    records = [
        replace(record, reason=_reason_against(text, tokenizers))
        for record, text in zip(records, explained, strict=True)
    ]
    rows = [row for row, record in enumerate(records) if record.reason is None]
    chosen = [explained[row] for row in rows]
    if differentiable is not None:
        explanations = explain_by_integrated_gradients(chosen, differentiable)
    else:
        explainer = (
            KernelShap(chosen, output)
            if method == "kernel_shap"
            else Occlusion(chosen, output, _replacement(tokenizers))
        )
        explanations = explainer.explanations(refine_passages=unit == "word")
    for row, explanation in zip(rows, explanations, strict=True):
        records[row] = _with_values(records[row], explained[row], explanation)
    return records


def _begin(
    texts: list[TextOrPair],
    output: ExplainedOutput,
    predictions: list[Any],
    target: object,
    unit: Unit,
) -> tuple[list[Attribution], list[ExplainedText]]:
    """Return records without values, and the texts with the scores to explain."""
    scores, probabilities = output.scores(texts), output.probabilities(texts)
    columns = output.columns(target, predictions, scores)
    records, explained = [], []
    for row, (text, column) in enumerate(zip(texts, columns, strict=True)):
        words, score = find_words(text), float(scores[row, column])
        units = group_into_sentences(text, words) if unit == "sentence" else _each(words)
        explained.append(ExplainedText(text, words, units, column, score))
        record = Attribution(
            text,
            words=[],
            spans=[],
            segments=[],
            values=np.empty(0),
            target=output.targets[column],
            prediction=output.named_prediction(predictions[row]),
            probability=None if probabilities is None else float(probabilities[row, column]),
            score=score,
            base_value=score,
            error=None,
            reason=None,
        )
        records.append(record)
    return records, explained


def _with_values(
    record: Attribution, explained: ExplainedText, explanation: Explanation
) -> Attribution:
    values, base_value, error = explanation
    return replace(
        record,
        words=list(map(explained.part, explained.spans)),
        spans=[(span.start, span.stop) for span in explained.spans],
        segments=[span.segment for span in explained.spans],
        values=values,
        base_value=base_value,
        error=error,
        reason=None if values.any() else NO_EFFECT,
    )


def _each(words: list[Span]) -> Groups:
    return [[index] for index in range(len(words))]


def _reason_against(explained: ExplainedText, tokenizers: list[WordPieceTokenizer]) -> str | None:
    """Return why a text cannot be explained, if so."""
    if not explained.words:
        return NO_WORDS
    singles = split_pair(explained.text)
    ids = [{*tokens.encode(*singles, add_special_tokens=False)} for tokens in tokenizers]
    unknown = [{tokenizer.unk_token_id} for tokenizer in tokenizers]
    is_unknown = bool(ids) and all(map(set.issubset, ids, unknown))
    return UNKNOWN_WORDS if is_unknown else None


def _replacement(tokenizers: list[WordPieceTokenizer]) -> str:
    """Return the text that replaces a hidden word: the mask token of all tokenizers, or ""."""
    masks = {
        "" if x.mask_token_id is None or x.split_special_tokens else x.mask_token
        for x in tokenizers
    }
    return masks.pop() if len(masks) == 1 else ""


def _check_option(name: str, value: object, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        options = ", ".join(map(repr, accepted))
        raise ValueError(f"{name} must be one of {options}; got {value!r:.99}.")
