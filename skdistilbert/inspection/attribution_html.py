"""Attributions as HTML for notebooks, without scripts and external resources."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from skdistilbert.inspection.attribution_text import title_of
from skdistilbert.inspection.word_spans import split_pair

if TYPE_CHECKING:
    from skdistilbert.inspection.attribution import Attribution

# Blue and orange of Okabe and Ito (2008). The colours are translucent and the text keeps the
# colour of the page, so that both are readable on light and dark pages.
RAISES, LOWERS = ("0,114,178", "solid"), ("230,159,0", "dashed")
MAX_OPACITY = 0.55
# Weaker words, relative to the strongest word of the text, are not underlined.
MIN_UNDERLINED = 0.2


def html_of(attributions: list[Attribution]) -> str:
    """Return the texts with shaded words, and a legend."""
    return (
        '<div style="max-width:60em;line-height:1.9;overflow-wrap:anywhere">'
        f"{''.join(map(_paragraph, attributions))}{_legend()}</div>"
    )


def _paragraph(record: Attribution) -> str:
    reason = "" if record.reason is None else f" {record.reason}"
    title = f"{title_of(record)}.{reason}"
    texts = "".join(
        f'<p dir="auto" style="margin:0;white-space:pre-wrap">{_shaded(record, segment, text)}</p>'
        for segment, text in enumerate(split_pair(record.text))
    )
    return f'<p style="margin:0.8em 0 0;font-size:0.9em">{escape(title)}</p>{texts}'


def _shaded(record: Attribution, segment: int, text: str) -> str:
    strongest = np.abs(record.values).max(initial=0) or 1
    parts, end = [], 0
    for of_word, (start, stop), value in zip(
        record.segments, record.spans, record.values.tolist(), strict=True
    ):
        if of_word == segment:
            parts.append(escape(text[end:start]))
            parts.append(_span(text[start:stop], value / strongest, f"{value:+.3f}"))
            end = stop
    return "".join([*parts, escape(text[end:])])


def _span(word: str, strength: float, title: str) -> str:
    colour, line = LOWERS if strength < 0 else RAISES
    opacity = MAX_OPACITY * abs(strength)
    style = f"background:rgba({colour},{opacity:.2f});border-radius:3px;padding:2px 1px"
    if abs(strength) >= MIN_UNDERLINED:
        style += f";border-bottom:2px {line} currentColor"
    return f'<span style="{style}" title="{title}">{escape(word)}</span>'


def _legend() -> str:
    return (
        '<p style="margin:0.8em 0 0;font-size:0.9em">Legend: '
        f"{_span('raises the score', 1, 'positive')} {_span('lowers the score', -1, 'negative')}"
        "</p>"
    )
