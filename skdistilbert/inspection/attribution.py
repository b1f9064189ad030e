"""Attribute the prediction of each text to its words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np

from skdistilbert.estimators.shared_batch import encoding_together
from skdistilbert.inspection.explained_output import ExplainedOutput, ResponseMethod
from skdistilbert.inspection.explained_text import ExplainedText
from skdistilbert.inspection.fitted_encoders import find_tokenizers
from skdistilbert.inspection.integrated_gradients import IntegratedGradients
from skdistilbert.inspection.kernel_shap import KernelShap
from skdistilbert.inspection.occlusion import Occlusion
from skdistilbert.inspection.word_spans import find_words, group_into_sentences, split_pair
from skdistilbert.tasks.pair_input import check_texts_or_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from skdistilbert.inspection.explained_text import Explanation
    from skdistilbert.tasks.pair_input import TextOrPair
    from skdistilbert.tokenization import WordPieceTokenizer

Method = Literal["occlusion", "kernel_shap", "integrated_gradients"]
Unit = Literal["word", "sentence"]

# More variants fill batches of their own. Fewer are encoded together with the texts, before
# `target` is validated.
MAX_SHARED_VARIANTS = 256

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
        The relative error of integrated gradients: the absolute difference between the sum of the
        values and ``score - base_value``, divided by ``abs(score - base_value)`` or by 0.01 if
        this is greater. None for other methods.
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


class Explainer(Protocol):
    """A method that attributes scores to words."""

    def first_variants(self, texts: list[ExplainedText]) -> Iterator[TextOrPair]:
        """Yield the variants of texts whose scores `explanations` always needs."""

    def explanations(
        self, texts: list[ExplainedText], output: ExplainedOutput
    ) -> list[Explanation]:
        """Return the explanation of each text."""


def explain(
    estimator: Any,  # noqa: ANN401
    X: object,
    target: object,
    method: Method,
    unit: Unit,
    response_method: ResponseMethod = "auto",
) -> list[Attribution]:
    """Return a record for each text; see `AttributionDisplay.from_estimator`."""
    _check_options(method, unit, response_method)
    texts = check_texts_or_pairs(X, allow_empty=False)
    tokenizers = find_tokenizers(estimator)
    explained = [_split(text, unit) for text in texts]
    reasons = [_reason_against(text, tokenizers) for text in explained]
    rows = [row for row, reason in enumerate(reasons) if reason is None]
    explainer = _explainer(estimator, method, unit, tokenizers)
    variants = explainer.first_variants([explained[row] for row in rows])
    with encoding_together(_first_batch(texts, variants)):
        output, predictions = ExplainedOutput.of_estimator(estimator, texts, response_method)
        explained = _with_scores(explained, output, predictions, target)
        probabilities = _probabilities(explained, output)
        explanations = explainer.explanations([explained[row] for row in rows], output)
    results = zip(explained, predictions, probabilities, reasons, strict=True)
    records = [_record(output, *of_text) for of_text in results]
    for row, explanation in zip(rows, explanations, strict=True):
        records[row] = _with_values(records[row], explained[row], explanation)
    return records


def _check_options(method: Method, unit: Unit, response_method: ResponseMethod) -> None:
    _check_option("method", method, get_args(Method))
    _check_option("unit", unit, get_args(Unit))
    _check_option("response_method", response_method, get_args(ResponseMethod))
    if method == "integrated_gradients" and response_method != "auto":
        raise ValueError(
            "response_method must be 'auto' with method='integrated_gradients', which explains "
            f"logits and the numbers of regressors; got {response_method!r}."
        )


def _split(text: TextOrPair, unit: Unit) -> ExplainedText:
    words = find_words(text)
    each = [[index] for index in range(len(words))]
    units = each if unit == "word" else group_into_sentences(text, words)
    return ExplainedText(text, words, units)


def _explainer(
    estimator: Any,  # noqa: ANN401
    method: Method,
    unit: Unit,
    tokenizers: list[WordPieceTokenizer],
) -> Explainer:
    if method == "integrated_gradients":
        return IntegratedGradients(estimator)
    if method == "kernel_shap":
        return KernelShap("", refine_passages=unit == "word")
    return Occlusion(_replacement(tokenizers), refine_passages=unit == "word")


def _first_batch(texts: list[TextOrPair], variants: Iterator[TextOrPair]) -> list[TextOrPair]:
    """Return the texts, with their variants unless these fill batches of their own."""
    few = list(islice(variants, MAX_SHARED_VARIANTS + 1))
    return [*texts, *few] if len(few) <= MAX_SHARED_VARIANTS else texts


def _with_scores(
    explained: list[ExplainedText],
    output: ExplainedOutput,
    predictions: list[Any],
    target: object,
) -> list[ExplainedText]:
    scores = output.scores([text.text for text in explained])
    columns = output.columns(target, predictions, scores)
    return [
        text._replace(column=column, score=float(of_text[column]))
        for text, column, of_text in zip(explained, columns, scores, strict=True)
    ]


def _probabilities(
    explained: list[ExplainedText], output: ExplainedOutput
) -> list[float] | list[None]:
    """Return the probability of the target of each text, if the estimator has probabilities."""
    probabilities = output.probabilities([text.text for text in explained])
    if probabilities is None:
        return [None] * len(explained)
    columns = [text.column for text in explained]
    return [float(p) for p in probabilities[np.arange(len(explained)), columns]]


def _record(
    output: ExplainedOutput,
    explained: ExplainedText,
    prediction: Any,  # noqa: ANN401
    probability: float | None,
    reason: str | None,
) -> Attribution:
    """Return a record without values."""
    return Attribution(
        explained.text,
        words=[],
        spans=[],
        segments=[],
        values=np.empty(0),
        target=output.targets[explained.column],
        prediction=output.named_prediction(prediction),
        probability=probability,
        score=explained.score,
        base_value=explained.score,
        error=None,
        reason=reason,
    )


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


def _reason_against(explained: ExplainedText, tokenizers: list[WordPieceTokenizer]) -> str | None:
    """Return the reason why a text cannot be explained, or None."""
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
