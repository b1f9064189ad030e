"""The public names and signatures equal public_api.txt.

After an intended change, `python -m tests.test_public_api` rewrites the file. Record the change in
CHANGELOG.md.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import skdistilbert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SNAPSHOT = Path(__file__).with_name("public_api.txt")


def public_api() -> str:
    lines = [line for name in sorted(skdistilbert.__all__) for line in describe(name)]
    wrapped = [textwrap.fill(line, 99, subsequent_indent=" " * 8) for line in lines]
    return "\n".join(wrapped) + "\n"


def describe(name: str) -> Iterator[str]:
    """Yield the signature of a function, or the bases, constructor and members of a class."""
    value = getattr(skdistilbert, name)
    if not inspect.isclass(value):
        yield f"{name}{signature(value)}"
        return
    if issubclass(value, BaseException):
        bases = ", ".join(base.__name__ for base in value.__bases__)
        yield f"class {name}({bases})"
        return
    yield f"class {name}{signature(value)}"
    for member in sorted(vars_of_ours(value)):
        static = inspect.getattr_static(value, member)
        if isinstance(static, property):
            yield f"    {member}: property"
        elif callable(getattr(value, member)):
            kind = "classmethod " if isinstance(static, classmethod) else ""
            yield f"    {kind}{member}{signature(getattr(value, member))}"


def vars_of_ours(value: type) -> set[str]:
    """Return the public attributes that classes of this package define.

    scikit-learn adds the methods of metadata routing to our classes, such as `set_fit_request`.
    """
    ours = [base for base in value.__mro__ if base.__module__.startswith("skdistilbert")]
    names = {name for base in ours for name in vars(base) if not name.startswith("_")}
    return {name for name in names if not re.fullmatch("set_.*_request", name)}


def signature(value: Callable[..., object]) -> str:
    """Return the parameters without annotations, which differ between versions of Python."""
    found = inspect.signature(value)
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def test_public_names_and_signatures() -> None:
    assert public_api().splitlines() == SNAPSHOT.read_text("utf-8").splitlines(), (
        "The public API has changed. If this is intended, run `python -m tests.test_public_api` "
        "and record the change in CHANGELOG.md."
    )


if __name__ == "__main__":
    SNAPSHOT.write_text(public_api(), "utf-8")
