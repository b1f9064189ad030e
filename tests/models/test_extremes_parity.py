"""Compare with torch for the largest and smallest weights of float32.

The tests scale weights to at most 1e38. With larger weights, the order of the additions in a
matrix product decides whether an intermediate sum overflows, here and in torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import DistilBertConfig
from skdistilbert.models.loading import MODELS
from tests.models.test_extremes import LARGEST, SCALES

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZES = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 37, "vocab_size": 99}
ARCHITECTURES = {
    None: "DistilBertModel",
    "sequence_classification": "DistilBertForSequenceClassification",
    "token_classification": "DistilBertForTokenClassification",
    "question_answering": "DistilBertForQuestionAnswering",
    "masked_lm": "DistilBertForMaskedLM",
}
INPUT_IDS = np.random.default_rng(0).integers(0, 99, (3, 20))
# Subnormal numbers have few digits. The sum of squares of 1e19 overflows in torch's variance, so
# all features become zero, but the mean of squares does not overflow.
DIFFERENTLY_ROUNDED = (1e-45, 1e19)
MASK = np.arange(20) < np.array([[20], [9], [2]])

pytestmark = pytest.mark.parity


@pytest.fixture(params=["gelu", "relu"])
def activation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=ARCHITECTURES, ids=str)
def theirs(request: pytest.FixtureRequest, activation: str) -> Any:  # noqa: ANN401
    """Return a model of transformers with random parameters."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(**SIZES, activation=activation)
    model = getattr(transformers, ARCHITECTURES[request.param])(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.our_class = MODELS[request.param]
    return model


def test_outputs_equal_those_of_torch_for_each_scaled_tensor(theirs: Any) -> None:  # noqa: ANN401
    compared = 0
    for name, parameter in theirs.named_parameters():
        before = parameter.detach().clone()
        for scale in SCALES:
            scaled = np.clip(before.double().numpy() * scale, -LARGEST, LARGEST)
            parameter.data.copy_(parameter.new_tensor(scaled))
            for what, expected, got in outputs(theirs):
                finite = np.isfinite(expected)
                where = f"{what} with {name} times {scale}"
                assert np.isfinite(got[finite]).all(), where
                if not decided_by_rounding(name, scale) and finite.any():
                    atol = 1e-4 * np.abs(expected[finite]).max()
                    np.testing.assert_allclose(
                        got[finite], expected[finite], 1e-4, atol, err_msg=where
                    )
                    compared += 1
        parameter.data.copy_(before)
    assert compared > 100


def decided_by_rounding(name: str, scale: float) -> bool:
    """Return whether the result depends on rounding, which differs from torch's."""
    # All keys have this bias, so it cancels in the softmax. If it is huge, only the rounding of
    # the keys remains.
    huge_in_all_keys = name.endswith("k_lin.bias") and scale > 1
    return scale in DIFFERENTLY_ROUNDED or huge_in_all_keys


def outputs(theirs: Any) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:  # noqa: ANN401
    """Yield the name, torch's values and our values of each output, at visible positions."""
    torch = pytest.importorskip("torch")
    config = DistilBertConfig(**SIZES, activation=theirs.config.activation)
    weights = {
        name.removeprefix("distilbert."): tensor.numpy()
        for name, tensor in theirs.state_dict().items()
    }
    got = theirs.our_class(config, weights)(INPUT_IDS, MASK, output_hidden_states=True)
    with torch.inference_mode():
        expected = theirs(torch.tensor(INPUT_IDS), torch.tensor(MASK), output_hidden_states=True)
    for field, value in expected.items():
        if field == "hidden_states":
            for index, pair in enumerate(zip(value, got.hidden_states, strict=True)):
                yield f"{field}[{index}]", *at_visible(*pair)
        else:
            yield field, *at_visible(value, getattr(got, field))


def at_visible(expected: Any, got: np.ndarray) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
    visible = MASK if got.shape[:2] == MASK.shape else np.full(len(got), True)
    return expected.numpy()[visible], got[visible]
