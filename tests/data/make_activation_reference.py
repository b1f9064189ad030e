"""Make `activations.npz` here: activation functions as transformers and torch compute them.

Run from the project's root, with torch and transformers installed:

    python -m tests.data.make_activation_reference
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers.activations import ACT2FN

from skdistilbert.nn.activations import ACTIVATIONS
from skdistilbert.nn.dense import DENSE_ACTIVATIONS


def main() -> None:
    x = torch.linspace(-12, 12, 481)
    results = {"x": x}
    results |= {f"transformers {name}": ACT2FN[name](x) for name in ACTIVATIONS}
    results |= {f"torch {name}": getattr(torch.nn, name)()(x) for name in DENSE_ACTIVATIONS}
    arrays = {name: tensor.numpy() for name, tensor in results.items()}
    np.savez_compressed(Path(__file__).parent / "activations.npz", **arrays)


if __name__ == "__main__":
    main()
