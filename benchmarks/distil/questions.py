"""Questions and requests, which dictionaries lack: patterns filled with words of WordNet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATTERNS = """\
who was {person}?
who is {person}?
who was the {role} of {place}?
who invented the {thing}?
who was the first {role} to {verb} a {thing}?
what {role} wrote about {person}?
which {role} is known for the {thing}?
when was {person} born?
when did {person} die?
when was the {thing} invented?
when is {time}?
what year did {place} {verb} the {thing}?
where is {place}?
where did {person} live?
where can I find a {thing}?
where do {creature}s come from?
what is the capital of {place}?
what is the population of {place}?
what language is spoken in {place}?
what city in {place} has the largest {thing}?
what is a {thing}?
what is {other}?
what does {other} mean?
what is the difference between a {thing} and a {thing}?
what is a {thing} made of?
what is the name of the {role} who had a {creature}?
what kind of {creature} is a {creature}?
what do {creature}s eat?
what causes {state}?
what is the best way to {verb} {food}?
what is the origin of the word {other}?
what does the abbreviation {other} stand for?
what is the longest {thing} in the world?
how many {creature}s are there in {place}?
how many {thing}s does a {role} have?
how many {time}s are in a {time}?
how much does a {thing} cost?
how much {food} should a {creature} eat?
how far is {place} from {place}?
how long does a {creature} live?
how tall is {place}?
how old is {person}?
how fast can a {creature} run?
how do you {verb} a {thing}?
how did {person} die?
how is {food} made?
why do {creature}s {verb}?
why did {person} {verb} the {thing}?
name a {role} from {place}.
name the {thing} that {person} liked.
tell me about {other}
is {food} good for {state}?
how do I {verb} my {thing}?
how can I {verb} the {money}?
how long will it take to {verb} my {money}?
can I {verb} a {thing} in {place}?
can I use my {money} to {verb} {food}?
can you help me {verb} my {thing}?
could you please {verb} the {thing}
I want to {verb} my {thing}
I would like to {verb} a {thing} for my {role}.
I need to {verb} the {money}, what should I do?
I can't {verb} my {thing}
I tried to {verb} my {thing}, but it does not work.
I still have not received my {thing}
I have lost my {thing}, what now?
I think someone stole my {thing}
I don't recognise this {money} on my {thing}
I was charged for {food} that I did not {verb}
my {thing} is not working
my {thing} has not arrived yet
my {money} was declined, why?
why was my {money} not accepted?
why is there a {money} on my {thing}?
why can't I {verb} my {money}?
where is my {thing}?
when will my {thing} arrive?
which {thing}s do you accept?
do you {verb} {place}?
do I have to pay {money} for the {thing}?
is there a limit to how many {thing}s I can {verb}?
what if I {verb} the wrong {thing}?
what {money} do you charge for {other}?
please {verb} the {thing} of my {role}
there is a problem with the {thing}
the {thing} did not {verb} and now my {money} is gone""".splitlines()

# WordNet's files of nouns by meaning; each sense key contains the number of the file.
MEANINGS = {
    "creature": ("05",),
    "thing": ("06", "10"),
    "food": ("13",),
    "role": ("18",),
    "money": ("21",),
    "state": ("26",),
    "time": ("28",),
    "other": ("04", "07", "09", "14", "17", "19", "27"),
}
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def questions(directory: Path, n: int, rng: np.random.Generator) -> Iterator[str]:
    """Fill patterns with words, frequent words more often; `directory` has WordNet's files."""
    words = {kind: np.array(found) for kind, found in _words(directory).items()}
    for pattern in rng.choice(PATTERNS, n):
        yield PLACEHOLDER.sub(lambda match: _draw(words[match[1]], rng), str(pattern))


def _draw(words: np.ndarray, rng: np.random.Generator) -> str:
    """Draw one of the words, which are sorted by frequency, roughly by Zipf's law."""
    return str(words[int(len(words) * rng.random() ** 2)])


def _words(directory: Path) -> dict[str, list[str]]:
    """Return lemmas by kind, most frequent first; names of people and places are unsorted."""
    counted = (line.split() for line in (directory / "cntlist.rev").read_text().splitlines())
    senses = sorted(counted, key=lambda sense: -int(sense[2]))
    words: dict[str, list[str]] = {"verb": []}
    for key, _, _ in senses:
        lemma, _, place = key.partition("%")
        part_of_speech, file, *_ = place.split(":")
        kind = next((k for k, files in MEANINGS.items() if file in files), None)
        kind = {"1": kind, "2": "verb"}.get(part_of_speech)
        if kind is not None and lemma not in words.setdefault(kind, []):
            words[kind].append(lemma.replace("_", " "))
    return words | _names(directory)


def _names(directory: Path) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {"person": [], "place": []}
    for line in (directory / "data.noun").read_text().splitlines():
        if " @i " in line:
            _, file, _, n_words, *fields = line.split()
            kind = {"18": "person", "15": "place"}.get(file)
            if kind:
                synonyms = fields[: 2 * int(n_words, 16) : 2]
                name = synonyms[0] if kind == "place" else max(synonyms, key=len)
                names[kind].append(name.replace("_", " "))
    return names
