"""Texts of any length as windows that fit the model and overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from skdistilbert.tokenization.truncation import windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.tokenization import Encoding, WordPieceTokenizer

Text = str | list[str] | tuple[str, ...]

# What transformers' pipeline for question answering lets windows share.
USUAL_STRIDE = 128


class Window(NamedTuple):
    """A part of a text, with what stands before and after it in the model."""

    start: int  # of its tokens, counted in the text
    stop: int
    input_ids: list[int]


def cut(
    ids: list[int], before: list[int], after: list[int], max_length: int, stride: int
) -> list[Window]:
    """Cut a text's tokens into windows of at most `max_length`, that share `stride` tokens.

    Raises
    ------
    ValueError
        If the text needs several windows and they have no room for more than `stride` tokens.
    """
    room = max_length - len(before) - len(after)
    return [
        Window(start, stop, [*before, *ids[start:stop], *after])
        for start, stop in windows(len(ids), room, stride)
    ]


def longest_input(tokenizer: WordPieceTokenizer, config: DistilBertConfig) -> int:
    """Give how many tokens the model was made for: what tokenizer and positions allow."""
    positions = config.max_position_embeddings
    return min(tokenizer.model_max_length or positions, positions)


def encode_each(
    tokenizer: WordPieceTokenizer,
    texts: Iterable[Text],
    *,
    first_row: int = 0,
    name: str = "Row",
) -> Iterator[Encoding]:
    """Yield the tokens of each text, or of each text's words, without special ones around.

    Raises
    ------
    TypeError, ValueError
        If a text is no string or holds a lone surrogate; the message gives its row.
    """
    for row, text in enumerate(texts, first_row):
        try:
            if isinstance(text, list | tuple):
                yield tokenizer.encode_words(text, add_special_tokens=False)
            else:
                yield tokenizer.encode_with_offsets(text, add_special_tokens=False)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name} {row}: {error}") from None
