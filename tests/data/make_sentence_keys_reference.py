"""Make `sentence-keys.npz` here: features of sentence-transformers for values of its keys.

Run from the project's root, with sentence-transformers installed:

    python -m tests.data.make_sentence_keys_reference

It also holds the names of the keys that sentence-transformers saves.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules

from tests.checkpoint.sentence_keys import TEXTS, Case, cases, write

CLASSES = {
    "sentence_bert_config.json": modules.Transformer,
    "1_Layers/config.json": modules.WeightedLayerPooling,
    "2_Pooling/config.json": modules.Pooling,
    "3_Dense/config.json": modules.Dense,
    "4_LayerNorm/config.json": modules.LayerNorm,
    "5_Normalize/config.json": modules.Normalize,
}


def features(case: Case | None) -> np.ndarray:
    with TemporaryDirectory() as name:
        directory = Path(name, "model")
        write(directory, case)
        result: np.ndarray = SentenceTransformer(str(directory), device="cpu").encode(TEXTS)
        return result


def main() -> None:
    arrays: dict[str, Any] = {"": features(None)}
    for case in cases():
        if case.effect == "refused":
            continue
        got = arrays[case.name] = features(case)
        same = got.shape == arrays[""].shape and np.abs(got - arrays[""]).max() < 1e-5
        assert same == (case.effect == "no effect"), case
    for file, kind in CLASSES.items():
        arrays[f"{file} keys"] = np.array(kind.config_keys)
    np.savez_compressed(Path(__file__).parent / "sentence-keys.npz", **arrays)


if __name__ == "__main__":
    main()
