"""Make `config-keys.npz` here: hidden states of transformers for values of `config.json`.

Run from the project's root, with torch and transformers installed:

    python -m tests.data.make_config_reference

It also holds the names of all keys that the configurations of transformers have.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers

from tests.checkpoint.config_keys import INPUT_IDS, KEYS, cases, write

CONFIGS = {"distilbert": transformers.DistilBertConfig, "bert": transformers.BertConfig}


def hidden_states(model_type: str, **values: Any) -> np.ndarray:  # noqa: ANN401
    with TemporaryDirectory() as name:
        directory = Path(name, "model")
        write(directory, model_type, **values)
        # Its results do not depend on the precision in which weights are stored.
        model = transformers.AutoModel.from_pretrained(directory, dtype=torch.float32).eval()
    with torch.no_grad():
        return model(torch.tensor(INPUT_IDS))[0].numpy()


def main() -> None:
    arrays: dict[str, Any] = {}
    for model_type in KEYS:
        arrays[f"{model_type} keys"] = np.array(sorted(CONFIGS[model_type]().to_dict()))
        base = arrays[model_type] = hidden_states(model_type)
        for case in cases():
            if case.model_type != model_type or case.effect == "refused":
                continue
            states = hidden_states(model_type, **{case.key: case.value})
            changed = np.abs(states - base).max()
            assert (changed > 1e-4) == (case.effect == "honoured"), (case, changed)
            if case.effect == "honoured":
                arrays[case.name] = states
    np.savez_compressed(Path(__file__).parent / "config-keys.npz", **arrays)


if __name__ == "__main__":
    main()
