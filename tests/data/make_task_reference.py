"""Make the results of transformers' pipelines that the tests of the tasks compare with.

Run the script from the project's root. It needs torch, and transformers 4 for question answering
and transformers 5 for all other tasks.

    python -m tests.data.make_task_reference
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import transformers

from tests.tasks import peers

HERE = Path(__file__).parent


def main() -> None:
    is_old = int(transformers.__version__.split(".")[0]) < 5
    for name, results in peers.RESULTS.items():
        if (name in peers.IN_TRANSFORMERS_4) == is_old:
            text = json.dumps(rounded(results(HERE / f"distilbert-tiny-{name}")), indent=0)
            (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:  # noqa: ANN401
    """Round all numbers to 7 digits."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return round(value, 7) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
