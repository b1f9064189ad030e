"""The tokenizers that are compared: ours, the Rust library `tokenizers`, and transformers."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Work:
    """Texts, the form of the result, and the state of our caches.

    Attributes
    ----------
    output : {"ids", "offsets"}
        "ids" are int32 arrays (lists if `one_by_one`), and "offsets" are lists.
    one_by_one : bool
        Encode each text in a call of its own.
    caches : {"kept", "words", "empty"}
        "kept": the tokenizer has seen the texts before. "words": it has seen only their words.
        "empty": it has seen nothing.
    """

    texts: Sequence[str]
    output: Literal["ids", "offsets"]
    one_by_one: bool = False
    caches: Literal["kept", "words", "empty"] = "kept"


class Ours:
    """skdistilbert, on one thread."""

    def __init__(self, vocab_file: str) -> None:
        from skdistilbert import WordPieceTokenizer
        from skdistilbert.tokenization import encode_ragged

        self.make, self.encode_ragged = WordPieceTokenizer, encode_ragged
        self.vocab_file = vocab_file
        self.tokenizer = WordPieceTokenizer(vocab_file)

    def run(self, work: Work) -> float:
        if work.caches != "kept":
            self.tokenizer = self.make(self.vocab_file)
        if work.caches == "words":
            # Another text, because the tokenizer also remembers texts.
            self.tokenizer.encode(" ".join(work.texts))
        start = time.perf_counter()
        self._encode(work)
        return time.perf_counter() - start

    def _encode(self, work: Work) -> None:
        if work.output == "offsets":
            for text in work.texts:
                self.tokenizer.encode_with_offsets(text)
        elif work.one_by_one:
            encode = self.tokenizer.encode
            for text in work.texts:
                encode(text)
        else:
            self.encode_ragged(self.tokenizer, work.texts)


class Rust:
    """tokenizers, with at most `n_threads` threads for a batch."""

    def __init__(self, vocab_file: str, n_threads: int) -> None:
        os.environ["RAYON_NUM_THREADS"] = str(n_threads)
        self.tokenizer = bert_tokenizer(vocab_file)

    def run(self, work: Work) -> float:
        start = time.perf_counter()
        if work.one_by_one:
            encode = self.tokenizer.encode
            for text in work.texts:
                encode(text).ids  # noqa: B018 - makes the list
        else:
            self._encode_batch(work)
        return time.perf_counter() - start

    def _encode_batch(self, work: Work) -> None:
        encodings = self.tokenizer.encode_batch(work.texts)
        if work.output == "ids":
            [np.array(encoding.ids, np.int32) for encoding in encodings]
        else:
            [(encoding.ids, encoding.offsets) for encoding in encodings]


class Transformers:
    """A tokenizer of transformers, called with one text."""

    def __init__(self, vocab_file: str) -> None:
        from transformers import BertTokenizer

        self.tokenizer = BertTokenizer(vocab_file)

    def run(self, work: Work) -> float:
        start = time.perf_counter()
        for text in work.texts:
            self.tokenizer(text)
        return time.perf_counter() - start


def bert_tokenizer(vocab_file: str):  # noqa: ANN201 - tokenizers must not be imported here
    from tokenizers.processors import BertProcessing

    from skdistilbert import WordPieceTokenizer
    from tests.tokenization.reference import reference_tokenizer

    vocab = WordPieceTokenizer(vocab_file).vocab
    tokenizer = reference_tokenizer(vocab, lowercase=True, strip_accents=None, chinese=True)
    tokenizer.post_processor = BertProcessing(("[SEP]", vocab["[SEP]"]), ("[CLS]", vocab["[CLS]"]))
    return tokenizer
