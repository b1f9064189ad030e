from __future__ import annotations

import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from skdistilbert import AttributionDisplay
from skdistilbert.inspection.attribution import Attribution

TEXTS = ["the parcel is late", "a wrong bill", "parcel lost", "billed twice"] * 3
LABELS = ["delivery", "billing"] * 6
HOSTILE = '<script>alert("1")</script> parcel & bill\n  $5'


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, LABELS)


@pytest.fixture
def display(pipeline: Pipeline) -> AttributionDisplay:
    return AttributionDisplay.from_estimator(pipeline, [HOSTILE, "", "late parcel"])


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_contains_the_escaped_texts_and_the_prediction(display: AttributionDisplay) -> None:
    page = Page(display._repr_html_())
    assert page.tags == {"div", "p", "span"}
    assert page.attributes.keys() == {"style", "dir", "title"}
    assert HOSTILE in page.text
    assert "late parcel" in page.text
    assert "Prediction: delivery, probability 0." in page.text
    assert "The text has no words." in page.text
    assert "raises the score lowers the score" in page.text
    assert not any("url" in style for style in page.attributes["style"])


def test_html_marks_the_sign_by_colour_and_by_line(display: AttributionDisplay) -> None:
    words = display._repr_html_().split("<span ")
    lowers, raises = (word for word in words if ">parcel<" in word)
    assert "dashed" in lowers
    assert "230,159,0" in lowers
    assert "solid" in raises
    assert "0,114,178" in raises


def test_labels_and_reasons_are_escaped() -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, ["<b>", "c"] * 6)
    assert "<b>" not in AttributionDisplay.from_estimator(pipeline, TEXTS)._repr_html_()


def test_text_for_terminals(display: AttributionDisplay) -> None:
    first, empty, last = str(display).split("\n\n")
    assert first.startswith('0: <script>alert("1")</script> parcel & bill $5\n   Prediction: ')
    assert empty.endswith("The text has no words.")
    title, prediction, *words = last.splitlines()
    assert title == "2: late parcel"
    assert prediction.startswith("   Prediction: delivery, probability 0.")
    assert [word.split()[0] for word in words] == ["parcel", "late"]
    assert words[0].endswith(" " + "+" * 20)


def test_a_target_that_is_not_the_prediction_is_named(pipeline: Pipeline) -> None:
    display = AttributionDisplay.from_estimator(pipeline, ["late parcel"], target="billing")
    assert "Prediction: delivery, explained for billing, probability" in str(display)


@pytest.mark.parametrize(("factor", "number"), [(1e3, r"\d{4}\.\d\d"), (1e-3, r"0\.00\d{3}")])
def test_the_number_of_a_regressor_is_shown_once(factor: float, number: str) -> None:
    y = factor * np.arange(4, 16)
    regressor = make_pipeline(TfidfVectorizer(), Ridge()).fit(TEXTS, y)
    shown = str(AttributionDisplay.from_estimator(regressor, TEXTS[:1]))
    assert re.search(rf"\n   Prediction: {number}, base value {number}\n", shown)


def test_a_display_without_texts() -> None:
    display = AttributionDisplay([])
    assert str(display) == ""
    with pytest.raises(ValueError, match="The display has no texts"):
        display.plot()


def test_frame(display: AttributionDisplay) -> None:
    pytest.importorskip("pandas")
    frame = display.to_frame()
    assert frame.columns.tolist() == ["text", "word", "start", "end", "attribution"]
    assert set(frame["text"]) == {0, 2}
    for row, word, start, end, value in frame.itertuples(index=False):
        record = display.attributions[row]
        assert record.text[start:end] == word
        assert value in record.values
    assert AttributionDisplay([]).to_frame().empty


def test_both_texts_of_a_pair_are_shown() -> None:
    record = Attribution(
        text=("late <b>", "why late"),
        words=["late", "why", "late"],
        spans=[(0, 4), (0, 3), (4, 8)],
        segments=[0, 1, 1],
        values=np.array([1.0, -0.5, 0.0]),
        target="yes",
        prediction="yes",
        probability=None,
        score=2.0,
        base_value=1.0,
        error=None,
        reason=None,
    )
    display = AttributionDisplay([record])
    assert str(display).startswith("0: late <b> | why late\n   Prediction: yes, score 2.00")
    page = Page(display._repr_html_())
    assert page.tags == {"div", "p", "span"}
    assert "late <b>why late" in page.text
    pytest.importorskip("pandas")
    frame = display.to_frame()
    assert frame["segment"].tolist() == [0, 1, 1]
    assert frame["start"].tolist() == [0, 0, 4]


def test_plot(display: AttributionDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    assert display.plot(top=2) is display
    assert display.figure_ is display.ax_.figure
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert len(labels) == 2
    assert "parcel" in labels
    _, axes = plt.subplots()
    assert display.plot(axes, text=1).ax_ is axes
    assert axes.get_xlabel() == "The text has no words."
    display.plot(axes, text=0, top=100)
    axes.figure.canvas.draw()  # "$" is no formula
    plt.close("all")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"text": 3}, "text must be a row number from 0 to 2; got 3"),
        ({"text": -1}, "got -1"),
        ({"text": True}, "text must be a row number from 0 to 2; got True"),
        ({"top": True}, "top must be an integer of at least 1; got True"),
        ({"top": 0}, "top must be an integer of at least 1; got 0"),
    ],
)
def test_bad_options_of_plot(
    options: dict[str, int], message: str, display: AttributionDisplay
) -> None:
    with pytest.raises(ValueError, match=message):
        display.plot(**options)


def test_missing_extras_are_named(
    display: AttributionDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("matplotlib", "matplotlib.pyplot", "pandas"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r'pip install "skdistilbert\[plot\]"'):
        display.plot()
    with pytest.raises(ImportError, match=r'pip install "skdistilbert\[pandas\]"'):
        display.to_frame()


def test_summary_adds_up_the_words_of_each_class(pipeline: Pipeline) -> None:
    texts = ["Parcel late", "the parcel parcel", "wrong bill"]
    display = AttributionDisplay.from_estimator(pipeline, texts)
    summary = display.summary(top=2)
    assert summary.keys() == {"delivery", "billing"}
    word, attribution, n_texts = summary["delivery"][0]
    assert (word, n_texts) == ("parcel", 2)
    frame = [record.values.tolist() for record in display.attributions]
    assert attribution == pytest.approx(frame[0][0] + frame[1][1] + frame[1][2])
    assert len(summary["delivery"]) == 2
    with pytest.raises(ValueError, match="top must be an integer of at least 1; got 1.5"):
        display.summary(top=1.5)  # type: ignore[arg-type]
