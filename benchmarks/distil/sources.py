"""English sentences of Debian's dictionaries, fortunes and handbook, and of Python packages.

Each reader yields the sentences of one file; `READERS` maps file names to readers.
"""

from __future__ import annotations

import gzip
import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOW_TO_GET_THE_TEXT = """\
mkdir text && cd text
apt-get download wordnet-base dict-gcide dict-foldoc dict-jargon dict-devil debian-handbook \\
    fortunes fortunes-bofh-excuses fortunes-debian-hints
for package in *.deb; do dpkg-deb -x $package .; done
pip download --no-deps chatterbot-corpus==1.3.3 randfacts==0.24.4
for wheel in *.whl; do python -m zipfile -e $wheel .; done
pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
tar xzf vaderSentiment-3.3.2.tar.gz
tar xzf vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"""

SENTENCE_END = re.compile(r"(?<=[.!?])[\"')]*\s+(?=[\"'(A-Z])")
LONGEST = 40  # words; a longer sentence is cut at its semicolons


def sentences_of(paragraph: str) -> Iterator[str]:
    """Split a paragraph into sentences; skip those with few letters and very long ones."""
    for sentence in SENTENCE_END.split(" ".join(paragraph.split())):
        parts = sentence.split(";") if len(sentence.split()) > LONGEST else [sentence]
        for part in map(str.strip, parts):
            letters = sum(map(str.isalpha, part))
            if letters >= max(3, 0.7 * len(part)) and len(part.split()) <= 2 * LONGEST:
                yield part


def wordnet_sentences(path: Path) -> Iterator[str]:
    """Read definitions and examples; a line ends with ``| definition; "example"``."""
    for line in path.read_text("utf-8").splitlines():
        head, found, gloss = line.partition(" | ")
        if not found:
            continue
        lemma = head.split()[4].replace("_", " ")
        examples = re.findall(r'"([^"]+)"', gloss)
        definition = re.sub(r';?\s*"[^"]*"?', "", gloss).strip()
        yield f"{lemma}: {definition}" if len(definition.split()) < 4 else definition
        yield from examples


def dictionary_sentences(path: Path) -> Iterator[str]:
    """Read the indented paragraphs of a dictd file (gzip with an index), without markup."""
    with gzip.open(path, "rt", encoding="utf-8", errors="ignore") as file:
        paragraphs = re.split(r"\n\s*\n", file.read())
    for paragraph in paragraphs:
        if paragraph.startswith((" ", "\t")):
            yield from sentences_of(_without_markup(paragraph))


def _without_markup(paragraph: str) -> str:
    paragraph = re.sub(r"\[[^\]]*\]|<[^>]*>|\([A-Z][A-Za-z.& ]*\)", " ", paragraph)
    paragraph = re.sub(r"--\s*[A-Z][\w. ]*|\b(Syn|Note|See( also)?):?\s", " ", paragraph)
    paragraph = re.sub(r"[{}|\\]", "", paragraph)
    return re.sub(r"^\s*(\d+\.|\([a-z]\))\s*", "", paragraph.strip())


def fortune_sentences(path: Path) -> Iterator[str]:
    """Read jokes, quotations and dialogues, separated by lines of ``%``."""
    for fortune in path.read_text("utf-8", "ignore").split("\n%\n"):
        quotation = re.split(r"\n\s*--", fortune)[0]
        for line in re.split(r"\n(?=[A-Z][\w ]*:)|\n\s*\n", quotation):
            yield from sentences_of(re.sub(r"^[A-Z][\w ]*:\s", "", line))


def handbook_sentences(path: Path) -> Iterator[str]:
    """Read the paragraphs of an HTML page."""
    page = path.read_text("utf-8")
    for paragraph in re.findall(
        r"<(?:p|h\d|div class=\"para\")[^>]*>(.*?)</(?:p|h\d|div)>", page, re.S
    ):
        yield from sentences_of(html.unescape(re.sub(r"<[^>]*>", "", paragraph)))


def conversation_sentences(path: Path) -> Iterator[str]:
    """Read questions and answers from YAML lists, some quoted, some of several lines."""
    _, _, text = path.read_text("utf-8").partition("conversations:")
    for item in re.split(r"\n\s*(?:- )+", text):
        sentence = " ".join(item.split()).strip("'\"").replace("''", "'")
        if len(sentence) > 3:
            yield sentence


def rated_sentences(path: Path) -> Iterator[str]:
    """Read tweets, reviews and editorials from lines of number, rating and text."""
    for line in path.read_text("utf-8", "ignore").splitlines():
        yield from whole_and_sentences(html.unescape(line.split("\t")[-1]))


def facts(path: Path) -> Iterator[str]:
    """Read one fact per line."""
    for line in path.read_text("utf-8").splitlines():
        yield from whole_and_sentences(line)


def whole_and_sentences(text: str) -> Iterator[str]:
    """Yield a short text, and then each of its sentences."""
    yield " ".join(text.split())
    yield from sentences_of(text)


READERS: dict[str, Callable[[Path], Iterator[str]]] = {
    "**/wordnet/data.*": wordnet_sentences,
    "**/dictd/*.dict.dz": dictionary_sentences,
    "**/games/fortunes/*.u8": fortune_sentences,
    "**/debian-handbook/html/en-US/*.html": handbook_sentences,
    "**/chatterbot_corpus/data/english/*.yml": conversation_sentences,
    "**/hutto_ICWSM_2014/*_GroundTruth.txt": rated_sentences,
    "**/randfacts/safe.txt": facts,
}


def read_sources(directory: Path) -> dict[str, list[str]]:
    """Read all files that match a reader, at any depth; return distinct sentences by file.

    Raises
    ------
    FileNotFoundError
        If no file matches.
    """
    seen: set[str] = set()
    sources: dict[str, list[str]] = {}
    for pattern, reader in READERS.items():
        for path in sorted(directory.glob(pattern)):
            fresh = dict.fromkeys(s for s in reader(path) if s.lower() not in seen)
            seen.update(map(str.lower, fresh))
            sources[str(path.relative_to(directory))] = list(fresh)
    if not sources:
        raise FileNotFoundError(
            f"{directory} contains no text. Get it with:\n{HOW_TO_GET_THE_TEXT}"
        )
    return sources
