"""The display that shows which words led to a prediction."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

from skdistilbert.inspection.attribution import explain
from skdistilbert.inspection.attribution_html import html_of
from skdistilbert.inspection.attribution_plot import plot_bars
from skdistilbert.inspection.attribution_text import lines_of
from skdistilbert.inspection.word_summary import summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

    from skdistilbert.inspection.attribution import Attribution, Method, Unit
    from skdistilbert.inspection.word_summary import WordSummary
    from skdistilbert.tasks.pair_input import Texts


class AttributionDisplay:
    """Show which words of a text led to its prediction.

    Use `from_estimator` to create a display. Notebooks show it as text with shaded words, `print`
    shows it in a terminal, and `plot` draws a bar chart.

    Parameters
    ----------
    attributions : list of Attribution
        One record for each text, with the attributes ``text``, ``words``, ``spans``,
        ``segments``, ``values``, ``target``, ``prediction``, ``probability``, ``score``,
        ``base_value``, ``error`` and ``reason``.

    Attributes
    ----------
    attributions : list of Attribution
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
    ) -> Self:
        """Compute the attributions of texts.

        The explained score is the target's ``decision_function``. Estimators without it are
        explained by the log odds of ``predict_proba``, and otherwise by ``predict``. For two
        classes, the scores of both classes have opposite signs.

        Parameters
        ----------
        estimator : fitted estimator
            Any classifier, regressor, outlier detector or pipeline that reads raw texts.
        texts : iterable of str, or of pairs
            Pairs of texts only if the estimator accepts them.
        target : object, default=None
            The class, the label of a multi-label target, or the index of an output to explain.
            None explains the prediction of each text; for multi-label targets the label with the
            highest score.
        method : {"occlusion", "kernel_shap", "integrated_gradients"}, default="occlusion"
            "occlusion" hides a word and returns by how much the score falls [1]_. [MASK] replaces
            the word if `estimator` contains a fitted estimator of this package whose tokenizer has
            this token. Otherwise the word is removed. "kernel_shap" is the mean of two effects:
            of removing the word, and of the word without all others [2]_. It is more faithful,
            and takes up to twice as long. "integrated_gradients" adds up the gradient
            of the score along the way from a text of [MASK] tokens to the text [3]_. It needs a
            `DistilBertClassifier`, a `DistilBertRegressor`, or a pipeline from a
            `DistilBertEmbedder` to a linear model or a perceptron.
        unit : {"word", "sentence"}, default="word"
            What gets a value. A run of punctuation is a word.

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
            If the target, the method or the unit is unknown, a text is not valid, or integrated
            gradients do not exist for the estimator.

        Notes
        -----
        Occlusion needs one short prediction per word. If a text has more than 60 words, its
        sentences are hidden first, as at most 60 passages, and then the words of the most
        important passages, which have at most 60 words. The words of a less important passage
        have equal shares of its effect. So a text costs at most 121 predictions up to 3,600
        words. With ``unit="sentence"`` it costs one prediction per sentence. Kernel SHAP needs
        another prediction per word or passage, from the word or passage alone. Its values are
        those of Kernel SHAP on the coalitions of one word and of all words but one; for texts of
        up to three words they are the exact Shapley values.

        The values of Kernel SHAP and of integrated gradients add up to ``score - base_value``.
        Of integrated gradients, the number of points
        on the way is doubled from 16 up to 512 until the relative ``error`` is at most 0.01;
        a warning reports the texts for which this is not enough.

        The values are identical in each run. With integrated gradients they do not depend on
        other texts and threads at all; with other methods these change a score by at most 1e-5,
        as with all predictions.

        An `embedding_cache` also stores the features of all variants of the texts.

        A text without words, or without a word that the tokenizer knows, has no attributions;
        ``reason`` then explains why.

        References
        ----------
        .. [1] Zeiler and Fergus (2014). Visualizing and Understanding Convolutional Networks.
        .. [2] Lundberg and Lee (2017). A Unified Approach to Interpreting Model Predictions.
        .. [3] Sundararajan, Taly and Yan (2017). Axiomatic Attribution for Deep Networks.
        """
        return cls(explain(estimator, texts, target, method, unit))

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
        self.ax_ = plot_bars(self._record(text), ax, _check_top(top))
        self.figure_ = self.ax_.figure
        return self

    def to_frame(self) -> DataFrame:
        """Return the attributions as a pandas frame with a row for each word.

        Returns
        -------
        DataFrame
            With the columns ``text`` (row number), ``word``, ``start``, ``end`` and
            ``attribution``; for pairs also ``segment``, which is 1 for the second text.

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
        return summarize(self.attributions, _check_top(top))

    def __str__(self) -> str:
        return "\n\n".join(
            "\n".join(lines_of(record, row)) for row, record in enumerate(self.attributions)
        )

    def _repr_html_(self) -> str:
        return html_of(self.attributions)

    def _record(self, text: int) -> Attribution:
        if not isinstance(text, Integral) or not 0 <= text < len(self.attributions):
            raise ValueError(
                f"text must be a row number from 0 to {len(self.attributions) - 1}; got {text!r}."
            )
        return self.attributions[text]


def _check_top(top: int) -> int:
    if not isinstance(top, Integral) or top < 1:
        raise ValueError(f"top must be an integer of at least 1; got {top!r}.")
    return int(top)
