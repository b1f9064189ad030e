"""Texts for the tests of tasks: accents, emoji, Chinese, no words, thousands of words."""

from __future__ import annotations

PLAIN = "Where is the first house of the old city? It is near the water, on the other side."
ACCENTS = "Zo\u00eb's caf\u00e9 in A\u030aLESUND isn't na\u00efve\u2014\u0130stanbul & co\u0301n!"
EMOJI = "the \U0001f469\u200d\U0001f692 won \U0001f3c6\U0001f3c6, good \U0001f600, (new) @home a#1"
CHINESE = "he was in \u5317\u4eac and \u6771\u4eac\u90fd\u306b two\u3001three \uac00\ub098 years"
ODD = "  \t\u00a0a\u200bb  [SEP] x [UNK] unbelievablyunbelievable \ufffd \n 3.14 e-mail "
TEXTS = (PLAIN, ACCENTS, EMOJI, CHINESE, ODD, "", "a", "?!")

MASKED = (
    "Where is the [MASK]?",
    f"[MASK] {ACCENTS} don't [MASK] [MASK]",
    f"{EMOJI}[MASK]{CHINESE}",
    "[MASK]",
    f" [MASK]'s {ODD}",
    f"[PAD] a[MASK]. {ACCENTS}",
)

WORDS = (
    PLAIN.split(),
    [
        "Zo\u00eb's",
        "house",
        "is",
        "unbelievably",
        "co\u0301n!",
        "\u6771\u4eac\u90fd",
        "\U0001f469\u200d\U0001f692",
    ],
    ["New York", "[SEP]", " a ", "-"],
)

PAIRS = (
    ("Where is the house?", PLAIN),
    ("Who isn't na\u00efve?", f"{ACCENTS} {PLAIN} {ACCENTS}"),
    ("\U0001f3c6 for who?", f"{EMOJI} {EMOJI.upper()}"),
    ("where are \u6771\u4eac and \u5317\u4eac?", CHINESE * 3),
    ("what?", f"{ODD} {PLAIN}"),
)

_PARTS = (
    PLAIN,
    "She took \u00e9clairs to John's house;",
    EMOJI,
    "and they were there again.",
    CHINESE,
)


def long_text(n_words: int) -> str:
    """Return a text of `n_words` words that does not repeat within some hundred words."""
    words: list[str] = []
    step = 0
    while len(words) < n_words:
        words += _PARTS[step * step % 7 % 5].split() + ["no."] * (step % 3) + [str(step)]
        step += 1
    return " ".join(words[:n_words])


LONG_MASKED = f"the [MASK] {long_text(5000)}"
LONG_PAIR = ("Where is the first house?", long_text(5000))
