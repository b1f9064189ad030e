"""BERT checkpoints with random weights have the results of transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import load_model

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

Shape = tuple[int, int, int, int, str, float]
SHAPES: list[Shape] = [
    (32, 2, 4, 37, "gelu", 1e-12),
    (24, 3, 2, 96, "relu", 1e-7),
    (40, 1, 5, 20, "silu", 1e-3),
]
LENGTHS, N_FIRST = (20, 9, 2, 9), (7, 9, 1, 3)  # tokens per text, and tokens of type 0


def random_bert(
    architecture: str,
    shape: Shape = SHAPES[0],
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Return a model of transformers in which every weight matters."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    sizes = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    names = (*sizes, "hidden_act", "layer_norm_eps")
    options |= dict(zip(names, shape, strict=True))
    config = transformers.BertConfig(vocab_size=99, **options)
    model = getattr(transformers, architecture)(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 1.0 if parameter.ndim == 1 else 0.0, 0.3)
    return model


def padded(side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the token ids, the mask and the token types of texts of several lengths."""
    rng = np.random.default_rng(0)
    ids, mask, types = (np.zeros((len(LENGTHS), max(LENGTHS)), int) for _ in range(3))
    for row, (length, n_first) in enumerate(zip(LENGTHS, N_FIRST, strict=True)):
        columns = slice(length) if side == "right" else slice(max(LENGTHS) - length, None)
        ids[row, columns] = rng.integers(1, 99, length)
        mask[row, columns] = 1
        types[row, columns] = np.arange(length) >= n_first
    return ids, mask, types


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("shape", SHAPES)
def test_hidden_states_of_pairs(shape: Shape, side: str, tmp_path: Path) -> None:
    theirs = random_bert("BertModel", shape)
    theirs.save_pretrained(tmp_path)
    model = load_model(tmp_path)
    ids, mask, types = padded(side)
    for token_types in (types, None):
        expected = of_torch(theirs, ids, mask, token_types).hidden_states
        got = model(ids, mask, token_type_ids=token_types, output_hidden_states=True).hidden_states
        for ours, states in zip(got, expected, strict=True):
            np.testing.assert_allclose(ours[mask > 0], states.numpy()[mask > 0], atol=1e-5)


def of_torch(model: Any, ids: Any, mask: Any, types: Any) -> Any:  # noqa: ANN401
    """Return the output of a model of transformers."""
    import torch

    tensors = (None if x is None else torch.from_numpy(np.asarray(x)) for x in (ids, mask, types))
    with torch.inference_mode():
        return model(*tensors, output_hidden_states=True)
