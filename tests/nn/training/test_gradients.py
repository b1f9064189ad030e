"""The gradient of every parameter equals finite differences in float64, and torch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert.checkpoint import tensor_names
from skdistilbert.checkpoint.config_fields import BERT_FIELDS
from skdistilbert.nn.encoder import embed_tokens, hidden_states
from skdistilbert.nn.heads import FeatureHead, LinearHead, SequenceClassificationHead
from skdistilbert.nn.packing import Ragged
from skdistilbert.nn.tape import NO_DROPOUT, DropoutRates, Tape
from skdistilbert.nn.training.gradients import OuterProduct, RowGradient
from skdistilbert.nn.training.losses import binary_cross_entropy, cross_entropy, squared_error
from skdistilbert.nn.training.network import Inputs, Network, backward, forward, input_gradient
from skdistilbert.nn.training.parameter_vector import named_arrays, named_gradients
from skdistilbert.nn.weights import Encoder, Linear
from tests.nn.reference import random_tensors

if TYPE_CHECKING:
    from skdistilbert.nn.training.losses import Loss
    from skdistilbert.nn.weights import Array

TEXTS = [
    [3, 7, 1, 9, 4, 3],
    [5],
    [1, 2, 3],
    [8, 8, 2],
    list(range(1, 16)),
    [4, 6, 2],
]  # 0 is torch's padding
TOKEN_TYPES = [[0, 0, 0, 1, 1, 1], [0], [0, 1, 1], [0, 0, 1], [0] * 4 + [1] * 11, [0, 0, 0]]
SIZES = {"vocab_size": 20, "positions": 16, "dim": 8, "hidden_dim": 12}
RATES = DropoutRates(hidden=0.1, attention=0.2, head=0.3, attention_output=0.4)


def a_network(
    pooling: Any = "cls",  # noqa: ANN401
    activation: Any = "gelu",  # noqa: ANN401
    n_layers: int = 2,
    dtype: type[np.floating] = np.float64,
    num_labels: int = 3,
    *,
    bert: bool = False,
) -> Network:
    tensors = random_tensors(n_layers=n_layers, **SIZES)
    rng = np.random.default_rng(1)
    if bert:
        tensors["embeddings.token_type_difference"] = rng.normal(size=8)
    tensors = {name: value.astype(dtype) for name, value in tensors.items()}
    encoder = Encoder.from_tensors(
        tensors, n_layers=n_layers, n_heads=2, activation=activation, layer_norm_eps=1e-12
    )
    hidden, output = (
        Linear(rng.normal(size=(n, 8)).astype(dtype), rng.normal(size=n).astype(dtype))
        for n in (8, num_labels)
    )
    head = (
        LinearHead(output)
        if pooling is None
        else SequenceClassificationHead(hidden, output, "tanh" if bert else "relu")
    )
    return Network(encoder.embeddings, encoder.layers, head, 2, activation, pooling)


def arrays(network: Network) -> dict[str, Array]:
    return {
        k: v for name, part in network.parts().items() for k, v in named_arrays(part, name).items()
    }


def loss_and_gradients(
    network: Network,
    loss: Loss,
    targets: Any,  # noqa: ANN401
    rates: DropoutRates = NO_DROPOUT,
    token_types: list[list[int]] | None = None,
) -> tuple[float, dict[str, Array]]:
    (batch,) = Ragged.from_lists(TEXTS, token_types).batches(1)
    inputs, tape = Inputs(batch), Tape(rates)
    logits = forward(network, inputs, tape)
    weights = np.linspace(0.5, 2, logits.shape[1]).astype(logits.dtype)
    value, d_logits = loss(logits, targets, weights)
    dense = {key: np.zeros_like(array) for key, array in arrays(network).items()}
    for name, part in backward(network, d_logits, inputs, tape):
        for key, gradient in named_gradients(part, name).items():
            if isinstance(gradient, RowGradient):
                dense[key][gradient.rows] = gradient.values
            else:
                dense[key][...] = multiplied_out(gradient)
    return value, dense


def multiplied_out(gradient: Array | OuterProduct) -> Array:
    return gradient.array() if isinstance(gradient, OuterProduct) else gradient


def targets_of(network: Network, loss: Loss) -> Array:
    n_columns = sum(map(len, TEXTS)) if network.pooling is None else len(TEXTS)
    rng = np.random.default_rng(2)
    if loss is cross_entropy:
        return rng.integers(0, 3, n_columns)
    return rng.integers(0, 2, (3, n_columns)).astype(np.float64)


@pytest.mark.parametrize(
    ("pooling", "activation", "loss", "rates"),
    [
        ("cls", "gelu", cross_entropy, DropoutRates()),
        ("cls", "relu", binary_cross_entropy, RATES),
        ("mean", "gelu", squared_error, RATES),
        ("max", "relu", cross_entropy, DropoutRates()),
        ("mean", "gelu_new", cross_entropy, RATES),
        ("mean", "silu", cross_entropy, RATES),
        ("mean", "tanh", cross_entropy, RATES),
        (None, "gelu", cross_entropy, RATES),
    ],
)
def test_gradients_equal_finite_differences(
    pooling: str | None, activation: str, loss: Loss, rates: DropoutRates
) -> None:
    network = a_network(pooling, activation)
    check_gradients(network, loss, targets_of(network, loss), rates)


def test_gradients_of_features_equal_finite_differences() -> None:
    network = dataclasses.replace(a_network("mean"), head=FeatureHead())
    targets = np.random.default_rng(2).normal(size=(SIZES["dim"], len(TEXTS)))
    check_gradients(network, squared_error, targets, RATES)


@pytest.mark.parametrize("token_types", [None, TOKEN_TYPES])
def test_gradients_of_a_bert_equal_finite_differences(
    token_types: list[list[int]] | None,
) -> None:
    network = a_network("cls", bert=True)
    targets = targets_of(network, cross_entropy)
    check_gradients(network, cross_entropy, targets, RATES, token_types)


def check_gradients(
    network: Network,
    loss: Loss,
    targets: Array,
    rates: DropoutRates,
    token_types: list[list[int]] | None = None,
) -> None:
    def evaluate() -> tuple[float, dict[str, Array]]:
        return loss_and_gradients(network, loss, targets, rates, token_types)

    _, gradients = evaluate()
    rng = np.random.default_rng(3)
    for key, array in arrays(network).items():
        # Every entry contributes to the derivative along a random direction.
        direction, original, step = rng.normal(size=array.shape), array.copy(), 1e-6
        array[...] = original + step * direction
        above, _ = evaluate()
        array[...] = original - step * direction
        below, _ = evaluate()
        array[...] = original
        expected = (above - below) / (2 * step)
        # gelu's polynomial is good to 1e-8, and its derivative to 1e-7
        np.testing.assert_allclose(
            np.sum(gradients[key] * direction), expected, rtol=1e-5, atol=1e-5, err_msg=key
        )


def test_rows_that_were_not_read_have_no_gradient() -> None:
    network = a_network()
    (batch,) = Ragged.from_lists([[3, 7, 3]]).batches(1)
    inputs, tape = Inputs(batch), Tape()
    forward(network, inputs, tape)
    *_, (_, embeddings) = backward(network, np.ones((3, 1)), inputs, tape)
    assert embeddings.word_embeddings.rows.tolist() == [3, 7]  # type: ignore[union-attr]
    assert embeddings.position_embeddings.rows.tolist() == [0, 1, 2]  # type: ignore[union-attr]


def test_frozen_lower_layers_do_not_change_gradients_above() -> None:
    whole = a_network()
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    x = embed_tokens(whole.embeddings, batch)  # type: ignore[arg-type]
    _, states, _ = hidden_states(whole, x, batch)
    top = dataclasses.replace(whole, embeddings=None, layers=whole.layers[1:])
    inputs, top_inputs, tape, top_tape = Inputs(batch), Inputs(batch, states), Tape(), Tape()
    logits = forward(whole, inputs, tape)
    np.testing.assert_allclose(forward(top, top_inputs, top_tape), logits)
    expected = dict(backward(whole, np.ones_like(logits), inputs, tape))
    got = dict(backward(top, np.ones_like(logits), top_inputs, top_tape))
    assert set(got) == {"head", "layer0"}
    for name, gradient in named_gradients(got["layer0"], "layer").items():
        expected_array = named_gradients(expected["layer1"], "layer")[name]
        np.testing.assert_allclose(multiplied_out(gradient), multiplied_out(expected_array))


@pytest.mark.parametrize("pooling", ["cls", "mean", "max", None])
@pytest.mark.parametrize("n_layers", [0, 2])
def test_the_gradient_of_the_input_equals_finite_differences(
    pooling: str | None, n_layers: int
) -> None:
    network = a_network(pooling, n_layers=n_layers)
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    x = embed_tokens(network.embeddings, batch)  # type: ignore[arg-type]
    top = dataclasses.replace(network, embeddings=None)
    tape, inputs = Tape(), Inputs(batch, x)
    d_logits = np.random.default_rng(4).normal(size=forward(top, inputs).shape)
    forward(top, inputs, tape)
    gradient = input_gradient(top, d_logits, inputs, tape)
    direction = np.random.default_rng(5).normal(size=x.shape)
    above, below = (
        np.sum(d_logits * forward(top, Inputs(batch, x + step * direction)))
        for step in (1e-6, -1e-6)
    )
    np.testing.assert_allclose(
        np.sum(gradient * direction), (above - below) / 2e-6, rtol=1e-5, atol=1e-5
    )


def test_the_losses_do_not_overflow() -> None:
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    for loss, targets in ((cross_entropy, np.array([1, 1])), (binary_cross_entropy, np.eye(2))):
        value, d_logits = loss(logits, targets, np.ones(2, np.float32))
        assert np.isfinite(value)
        assert np.isfinite(d_logits).all()


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("activation", ["gelu", "relu", "gelu_new", "silu", "tanh"])
@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification"])
def test_gradients_equal_those_of_torch(head: str, activation: str) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    network = a_network(
        "cls" if head == "SequenceClassification" else None, activation, dtype=np.float32
    )
    model = getattr(transformers, f"DistilBertFor{head}")(torch_config(transformers, activation))
    tensors = {k: torch.from_numpy(v) for k, v in hugging_face_names(arrays(network)).items()}
    model.load_state_dict(tensors)
    targets = targets_of(network, cross_entropy)
    (batch,) = Ragged.from_lists(TEXTS).batches(1)
    mask = np.arange(15) < batch.lengths[:, None]
    ids = np.zeros(mask.shape, int)
    ids[mask] = batch.input_ids
    logits = model(torch.from_numpy(ids), torch.from_numpy(mask.astype(int))).logits
    if network.pooling is None:
        logits = logits[torch.from_numpy(mask)]
    losses = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets), reduction="none")
    loss = (losses * torch.linspace(0.5, 2, len(logits))).sum()
    loss.backward()
    value, gradients = loss_and_gradients(network, cross_entropy, targets)
    np.testing.assert_allclose(value, loss.item(), rtol=1e-5)
    parameters = dict(model.named_parameters())
    got = hugging_face_names(gradients)
    assert set(got) == set(parameters)
    for name, gradient in got.items():
        expected = parameters[name].grad.numpy()
        error = np.abs(gradient - expected).max()
        # A key's bias changes all scores of a query equally, so its derivative is only rounding.
        scale = 1 if name.endswith("k_lin.bias") else np.abs(expected).max()
        assert error <= 1e-4 * scale, name


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("token_types", [None, TOKEN_TYPES])
@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification"])
def test_gradients_of_a_bert_equal_those_of_torch(
    head: str, token_types: list[list[int]] | None
) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    network = a_network("cls" if head[0] == "S" else None, dtype=np.float32, bert=True)
    values = torch_config(transformers).to_dict()
    sizes = {theirs: values[ours] for theirs, ours in BERT_FIELDS.items()}
    sizes |= {"vocab_size": 20, "max_position_embeddings": 16, "num_labels": 3}
    model = getattr(transformers, f"BertFor{head}")(transformers.BertConfig(**sizes))
    model.load_state_dict({k: torch.tensor(x) for k, x in bert_names(arrays(network)).items()})
    types = token_types or [[0] * len(ids) for ids in TEXTS]
    (batch,) = Ragged.from_lists(TEXTS, types).batches(1)
    mask = np.arange(15) < batch.lengths[:, None]
    inputs = np.zeros((3, *mask.shape), int)
    inputs[:, mask] = batch.input_ids, np.ones_like(batch.input_ids), batch.token_type_ids
    logits = model(*map(torch.tensor, inputs)).logits
    logits = logits[torch.from_numpy(mask)] if network.pooling is None else logits
    targets = targets_of(network, cross_entropy)
    losses = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets), reduction="none")
    (losses * torch.linspace(0.5, 2, len(logits))).sum().backward()
    _, gradients = loss_and_gradients(network, cross_entropy, targets, token_types=token_types)
    got, parameters = bert_names(gradients), dict(model.named_parameters())
    assert set(got) == set(parameters)
    for name, gradient in got.items():
        # Row 0 of the token types is a part of the position embeddings.
        rows = slice(1, None) if "token_type" in name else slice(None)
        expected = parameters[name].grad.numpy()[rows]
        # A key's bias changes all scores of a query equally, so its derivative is only rounding.
        scale = 1 if name.endswith("key.bias") else np.abs(expected).max()
        assert np.abs(gradient[rows] - expected).max() <= 1e-4 * scale, name


def bert_names(arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the arrays with the names of a file of BERT."""
    names = {}
    for ours, array in hugging_face_names(arrays).items():
        name = ours.removeprefix("distilbert.").replace("pre_classifier", "pooler.dense")
        name = tensor_names.name_in_file(name, bert=True)
        if name == tensor_names.TOKEN_TYPE_DIFFERENCE:
            name, array = tensor_names.TOKEN_TYPES, np.stack([0 * array, array])
        names[name if name.startswith("classifier.") else f"bert.{name}"] = array
    return names


def torch_config(transformers: Any, activation: str = "gelu") -> Any:  # noqa: ANN401
    return transformers.DistilBertConfig(
        dim=8,
        n_layers=2,
        n_heads=2,
        hidden_dim=12,
        vocab_size=20,
        max_position_embeddings=16,
        activation=activation,
        dropout=0,
        attention_dropout=0,
        seq_classif_dropout=0,
        num_labels=3,
    )


def hugging_face_names(arrays: dict[str, Array]) -> dict[str, Array]:
    names = {}
    for key, array in arrays.items():
        name = key.removeprefix("head.").replace("embeddings.layer_norm", "embeddings.LayerNorm")
        name = name.replace("_embeddings", "_embeddings.weight")
        if name.startswith("layer"):
            name = name.replace("layer", "distilbert.transformer.layer.", 1)
            name = name.replace(".lin", ".ffn.lin").replace("out_lin", "attention.out_lin")
        elif name.startswith("embeddings"):
            name = f"distilbert.{name}"
        if "qkv_lin" in name:
            for part, third in zip("qkv", np.split(array, 3), strict=True):
                names[name.replace("qkv_lin", f"attention.{part}_lin")] = third.copy()
        else:
            names[name] = array
    return names
