"""The display that shows which words led to a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from skdistilbert.inspection.attribution import explain
from skdistilbert.inspection.attribution_html import html_of
from skdistilbert.inspection.attribution_plot import plot_bars
from skdistilbert.inspection.attribution_text import lines_of
from skdistilbert.inspection.word_summary import summarize
from skdistilbert.number_checks import check_at_least, is_integer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from skdistilbert.inspection.attribution import Attribution, Method, Unit
    from skdistilbert.inspection.explained_output import ResponseMethod
    from skdistilbert.inspection.word_summary import WordSummary
    from skdistilbert.tasks.pair_input import Texts


class AttributionDisplay:
    """Show which words of a text led to its prediction.

    Use `from_estimator` to create a display. Notebooks show it as text with shaded words, `print`
    shows it in a terminal, and `plot` draws a bar chart.

    Parameters
    ----------
    attributions : list of Attribution
        One record for each text. A record has the attributes ``text``, ``words``, ``spans``,
        ``segments``, ``values``, ``target``, ``prediction``, ``probability``, ``score``,
        ``base_value``, ``error`` and ``reason``.

    Attributes
    ----------
    attributions : list of Attribution
        The records, in the order of the texts.
    ax_ : matplotlib Axes
        The axes of the last plot.
    figure_ : matplotlib Figure
        The figure of the last plot.

    Examples
    --------
    >>> from skdistilbert import AttributionDisplay, DistilBertClassifier
    >>> texts = ["where is my order", "cancel my order", "i forgot my password", "password reset"]
    >>> classifier = DistilBertClassifier(random_state=0)
    >>> classifier.fit(texts, ["order", "order", "account", "account"])
    DistilBertClassifier(random_state=0)
    >>> display = AttributionDisplay.from_estimator(classifier, ["I lost the password"])
    >>> record = display.attributions[0]
    >>> record.prediction, record.words[record.values.argmax()]
    ('account', 'password')
    """

    def __init__(self, attributions: list[Attribution]) -> None:
        self.attributions = attributions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,  # noqa: ANN401
        texts: Texts,
        *,
        target: object = None,
        method: Method = "occlusion",
        unit: Unit = "word",
        response_method: ResponseMethod = "auto",
    ) -> Self:
        """Compute the attributions of texts.

        Parameters
        ----------
        estimator : fitted estimator
            Any classifier, regressor, outlier detector or pipeline that reads raw texts.
        texts : iterable of str, or of pairs
            The texts to explain. The estimator must accept pairs to explain pairs.
        target : object, default=None
            The class, the label of a multi-label target, or the index of an output to explain.
            None explains the prediction of each text. For multi-label targets, None explains the
            label with the highest score.
        method : {"occlusion", "kernel_shap", "integrated_gradients"}, default="occlusion"
            "occlusion" hides a word and returns by how much the score falls [1]_. [MASK] replaces
            the word if `estimator` contains a fitted estimator of this package whose tokenizer has
            this token. Otherwise the word is removed. "kernel_shap" returns the mean of two
            effects: the effect of removing the word from the text, and the effect of adding it to
            an empty text [2]_. Its values are more faithful, but need up to twice the time.
            "integrated_gradients" adds up the gradient of the score along the path from a text of
            [MASK] tokens to the text [3]_. This method needs a `DistilBertClassifier`, a
            `DistilBertRegressor`, or a pipeline from a `DistilBertEmbedder` to a linear model or
            a perceptron.
        unit : {"word", "sentence"}, default="word"
            The part of a text that receives one value. A run of punctuation is a word.
        response_method : {"auto", "decision_function", "predict_proba", "predict"}, default="auto"
            The explained score of a target. "auto" is the ``decision_function``, which has
            opposite signs for two classes. Estimators without it are explained by the log odds of
            ``predict_proba``, and otherwise by ``predict``. "predict_proba" is the probability, as
            in LIME and SHAP. The other values are the output of the method of this name.

        Returns
        -------
        AttributionDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator does not read texts or predicts neither classes nor numbers.
        ValueError
            If the target, the method, the unit or the response method is unknown, a text is not
            valid, or integrated gradients do not exist for the estimator.

        Notes
        -----
        Occlusion computes one prediction per word. A text of more than 60 words is first divided
        into at most 60 passages, which are sentences, parts of long sentences or groups of short
        sentences. Each passage is hidden once. Then the words of the most important passages, at
        most 60 words, are hidden one by one. The words of a less important passage have equal
        shares of the effect of the passage. A text of up to 3,600 words therefore needs at most
        121 predictions. With ``unit="sentence"`` it needs one prediction per sentence. Kernel SHAP
        computes a second prediction for each word or passage, in which all other words are
        removed. These are the coalitions of one word and of all words but one. For texts of up to
        three words, the values are the exact Shapley values.

        The values of Kernel SHAP and of integrated gradients add up to ``score - base_value``.
        Integrated gradients are computed at 16 points of the path. The number of points is
        doubled, up to 512, until the relative ``error`` is at most 0.01. A warning reports the
        texts whose error is larger with 512 points.

        The values are identical in each run. The values of integrated gradients do not depend on
        the other texts and on the number of threads. With other methods, both change a score by
        at most 1e-5, as in all predictions.

        If the estimator has an `embedding_cache`, it also stores the features of all variants of
        the texts.

        A text without words, or without a word that the tokenizer knows, has no attributions.
        The attribute ``reason`` of its record explains why.

        References
        ----------
        .. [1] Zeiler and Fergus (2014). Visualizing and Understanding Convolutional Networks.
        .. [2] Lundberg and Lee (2017). A Unified Approach to Interpreting Model Predictions.
        .. [3] Sundararajan, Taly and Yan (2017). Axiomatic Attribution for Deep Networks.
        """
        return cls(explain(estimator, texts, target, method, unit, response_method))

    def plot(self, ax: Axes | None = None, *, text: int = 0, top: int = 10) -> Self:
        """Draw bars for the most important words of a text.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None creates a figure.
        text : int, default=0
            Row number of the text.
        top : int, default=10
            Maximum number of words.

        Returns
        -------
        AttributionDisplay
            This display, with the attributes ``ax_`` and ``figure_``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no such text, or `top` is below 1.
        """
        check_at_least("top", top, 1)
        self.ax_ = plot_bars(self._record(text), ax, top)
        self.figure_ = self.ax_.figure
        return self

    def to_frame(self) -> DataFrame:
        """Return the attributions as a pandas frame with a row for each word.

        Returns
        -------
        DataFrame
            The columns are ``text`` (the row number), ``word``, ``start``, ``end`` and
            ``attribution``. For pairs there is also ``segment``, which is 0 for the first text and
            1 for the second.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise ImportError(
                'AttributionDisplay.to_frame needs pandas: pip install "skdistilbert[pandas]".'
            ) from None
        rows = [
            (row, word, *span, value, segment)
            for row, record in enumerate(self.attributions)
            for word, span, value, segment in zip(
                record.words, record.spans, record.values.tolist(), record.segments, strict=True
            )
        ]
        columns = ["text", "word", "start", "end", "attribution", "segment"]
        frame = pd.DataFrame(rows, columns=columns)
        has_pairs = any(isinstance(record.text, tuple) for record in self.attributions)
        return frame if has_pairs else frame[columns[:-1]]

    def summary(self, top: int = 10) -> dict[Any, list[WordSummary]]:
        """Return the words that matter most for each explained class or output.

        Parameters
        ----------
        top : int, default=10
            Maximum number of words for each class.

        Returns
        -------
        dict
            By class, a list of ``(word, attribution, n_texts)`` in the order of importance:
            the word in lower case, the sum of its values over the texts that were explained for
            the class, and the number of these texts that contain it.

        Raises
        ------
        ValueError
            If `top` is below 1.
        """
        check_at_least("top", top, 1)
        return summarize(self.attributions, top)

    def __str__(self) -> str:
        return "\n\n".join(
            "\n".join(lines_of(record, row)) for row, record in enumerate(self.attributions)
        )

    def _repr_html_(self) -> str:
        return html_of(self.attributions)

    def _record(self, text: int) -> Attribution:
        if not self.attributions:
            raise ValueError("The display has no texts to plot.")
        if not is_integer(text) or not 0 <= text < len(self.attributions):
            raise ValueError(
                f"text must be a row number from 0 to {len(self.attributions) - 1}; got {text!r}."
            )
        return self.attributions[text]
