"""Validate the types of a tokenizer's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skdistilbert.number_checks import check_at_least
from skdistilbert.tokenization.added_tokens import AddedToken
from skdistilbert.tokenization.declared_tokens import SPECIAL_TOKENS
from skdistilbert.tokenization.tokenizer_files import OPTIONS, SIDES, SWITCHES, is_switch
from skdistilbert.tokenization.truncation import check_side

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_types(params: Mapping[str, Any]) -> None:
    """Raise TypeError or ValueError unless every parameter has one of its types."""
    for name in (*OPTIONS, *SWITCHES):
        if not is_switch(name, params[name]):
            accepted = "True, False or None" if name == "strip_accents" else "True or False"
            raise TypeError(f"{name} must be {accepted}; got {params[name]!r:.99}.")
    for name in SPECIAL_TOKENS:
        if not isinstance(params[name], str):
            raise TypeError(f"{name} must be a string; got {params[name]!r:.99}.")
    for name in SIDES:
        check_side(name, params[name])
    added = params["added_tokens"]
    if not isinstance(added, list | tuple) or not all(isinstance(x, AddedToken) for x in added):
        raise TypeError(
            f"added_tokens must be a list of AddedToken; got {added!r:.99}. Import the class from "
            "skdistilbert.tokenization."
        )
    if params["model_max_length"] is not None:
        check_at_least("model_max_length", params["model_max_length"], 2)
