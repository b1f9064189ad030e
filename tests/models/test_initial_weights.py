from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertClassifier,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
    DistilBertModel,
    DistilBertTokenClassifier,
    WordPieceTokenizer,
    load_model,
)
from skdistilbert.checkpoint.reading import sinusoidal_positions

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = (
    DistilBertModel,
    DistilBertForMaskedLM,
    DistilBertForQuestionAnswering,
    DistilBertForSequenceClassification,
    DistilBertForTokenClassification,
)
CONFIG = DistilBertConfig(vocab_size=500, n_layers=2, dim=64, n_heads=4, hidden_dim=128)
BERT = replace(CONFIG, model_type="bert")
WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_embeddings.weight"
COLOURS = ["red", "green", "blue", "grey"]


@pytest.mark.parametrize("config", [CONFIG, BERT], ids=["distilbert", "bert"])
@pytest.mark.parametrize("model_class", CLASSES)
def test_matrices_are_normal_and_vectors_neutral(
    model_class: type[DistilBertModel], config: DistilBertConfig
) -> None:
    config = replace(config, initializer_range=0.05)
    weights = model_class.from_config(config, random_state=0).weights
    for name, tensor in weights.items():
        assert tensor.dtype == np.float32
        if tensor.ndim == 1 and "token_type" not in name:
            assert (tensor == name.endswith(".weight")).all(), name
        elif tensor.size > 1000:
            # The position embeddings of a BERT contain a random row of token type 0.
            values = tensor[1:] - tensor[1:].mean(axis=0)
            assert values.std() == pytest.approx(0.05, rel=0.05), name
    assert not weights[WORDS][0].any()
    assert weights[WORDS][1:].all(axis=1).all()
    if config.model_type == "bert":
        difference = weights["embeddings.token_type_difference"]
        assert difference.std() == pytest.approx(0.05 * 2**0.5, rel=0.3)


def test_options_of_the_configuration_apply() -> None:
    config = replace(CONFIG, sinusoidal_pos_embds=True, pad_token_id=7, initializer_range=0)
    weights = DistilBertForMaskedLM.from_config(config, random_state=0).weights
    np.testing.assert_array_equal(weights[POSITIONS], sinusoidal_positions(512, 64))
    assert not weights[WORDS][7].any()
    assert weights[WORDS][0].std() == pytest.approx(0.02, rel=0.3)
    assert weights["vocab_projector.weight"] is weights[WORDS]
    untied = DistilBertForMaskedLM.from_config(replace(config, tie_word_embeddings=False))
    assert untied.weights["vocab_projector.weight"][7].any()


def test_the_seed_decides_the_weights() -> None:
    seeds: list[Any] = [0, np.int64(0), np.random.RandomState(0), 1, None, None]
    rows = [DistilBertModel.from_config(CONFIG, random_state=x).weights[WORDS][1] for x in seeds]
    assert all(np.array_equal(rows[0], row) for row in rows[1:3])
    assert not any(np.array_equal(rows[x], rows[y]) for x, y in [(0, 3), (0, 4), (4, 5)])


@pytest.mark.parametrize("config", [CONFIG, BERT], ids=["distilbert", "bert"])
@pytest.mark.parametrize("model_class", CLASSES)
def test_a_new_model_can_be_saved_and_loaded(
    model_class: type[DistilBertModel], config: DistilBertConfig, tmp_path: Path
) -> None:
    model = model_class.from_config(replace(config, type_vocab_size=3), random_state=0)
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path)
    assert type(loaded) is model_class
    assert loaded.weights.keys() == model.weights.keys()
    input_ids = [[2, 9, 8, 3]]
    np.testing.assert_allclose(loaded(input_ids)[0], model(input_ids)[0], atol=1e-6)


def first_colours(n_texts: int, seed: int) -> tuple[list[str], list[str]]:
    """Return texts with two of four colours, and the one that comes first."""
    rng = np.random.RandomState(seed)
    texts, labels = [], []
    for _ in range(n_texts):
        colours = rng.choice(COLOURS, 2, replace=False)
        words = rng.choice(["ball", "car", "tree", "house"], 5)
        words[sorted(rng.choice(5, 2, replace=False))] = colours
        texts.append(" ".join(words))
        labels.append(str(colours[0]))
    return texts, labels


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A new model with the vocabulary of the colours."""
    tokenizer = WordPieceTokenizer.train(first_colours(200, 0)[0], 100)
    config = replace(CONFIG, vocab_size=tokenizer.vocab_size, dim=32, hidden_dim=64)
    DistilBertModel.from_config(config, random_state=0).save_pretrained(tmp_path, tokenizer)
    return tmp_path


def test_estimators_train_a_new_model(directory: Path) -> None:
    """The task needs the order of words, so a bag of words is at chance between two colours."""
    texts, labels = first_colours(300, 1)
    classifier = DistilBertClassifier(
        directory, trainable_layers="all", learning_rate_init=3e-3, max_iter=6, random_state=0
    )
    assert classifier.fit(texts, labels).score(*first_colours(100, 2)) > 0.9
    words = [text.split() for text in texts]
    tags = [["O" if word not in COLOURS else "colour" for word in text] for text in words]
    tagger = DistilBertTokenClassifier(
        directory, trainable_layers="all", learning_rate_init=3e-3, max_iter=2, random_state=0
    )
    assert tagger.fit(words, tags).score(words, tags) > 0.9


@pytest.mark.parametrize(
    ("config", "random_state", "error", "message"),
    [
        ({"dim": 64}, 0, TypeError, "config must be a DistilBertConfig; got {'dim': 64}"),
        (replace(CONFIG, pad_token_id=500), 0, ValueError, "pad_token_id .* got 500"),
        (replace(CONFIG, pad_token_id=-1), 0, ValueError, "pad_token_id must be from 0"),
        (CONFIG, -1, ValueError, "random_state must be an integer .* got -1"),
        (CONFIG, True, ValueError, "random_state must be .* got True"),
        (CONFIG, np.random.default_rng(0), ValueError, "random_state must be .* got Generator"),
    ],
)
def test_bad_input_is_explained(
    config: Any,  # noqa: ANN401
    random_state: Any,  # noqa: ANN401
    error: type[Exception],
    message: str,
) -> None:
    with pytest.raises(error, match=message):
        DistilBertModel.from_config(config, random_state=random_state)


def test_only_a_tokenizer_of_the_model_is_saved(tmp_path: Path) -> None:
    model = DistilBertModel.from_config(replace(CONFIG, vocab_size=8), random_state=0)
    with pytest.raises(TypeError, match="tokenizer must be a WordPieceTokenizer .*; got 'mini'"):
        model.save_pretrained(tmp_path, "mini")
    tokenizer = WordPieceTokenizer.train(["some words"], min_frequency=1)
    message = f"only 8 word embeddings.* set vocab_size={tokenizer.vocab_size}"
    with pytest.raises(CheckpointError, match=message):
        model.save_pretrained(tmp_path, tokenizer)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parity
@pytest.mark.parametrize("sinusoidal", [False, True])
@pytest.mark.parametrize("model_type", ["DistilBert", "Bert"])
@pytest.mark.parametrize("model_class", CLASSES)
def test_transformers_initialises_and_loads_the_same_model(
    model_class: type[DistilBertModel], model_type: str, sinusoidal: bool, tmp_path: Path
) -> None:
    import torch
    import transformers

    config = BERT if model_type == "Bert" else replace(CONFIG, sinusoidal_pos_embds=sinusoidal)
    ours = model_class.from_config(config, random_state=0)
    ours.save_pretrained(tmp_path)
    name = model_class.__name__.replace("DistilBert", model_type)
    loaded, info = getattr(transformers, name).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    ids = torch.tensor([[2, 9, 8, 0, 3]])
    with torch.no_grad():
        expected = loaded.eval()(ids)[0].numpy()
    np.testing.assert_allclose(ours(ids.numpy())[0], expected, atol=1e-5)
    torch.manual_seed(0)
    new = dict(getattr(transformers, name)(loaded.config).named_parameters())
    for tensor_name, tensor in loaded.named_parameters():
        a, b = tensor.detach(), new[tensor_name].detach()
        if model_type == "Bert" and ("position" in tensor_name or "token_type" in tensor_name):
            continue  # saved with token type 0 in the position embeddings
        if a.ndim == 1 or (sinusoidal and "position" in tensor_name):
            assert torch.equal(a, b), tensor_name
        else:
            assert torch.equal(a[:, 0] == 0, b[:, 0] == 0), tensor_name  # the row of [PAD]
            tolerance = 0.12 / a.numel() ** 0.5  # about 4 standard errors of a difference
            assert abs(a.std() - b.std()) < tolerance, tensor_name
            assert abs(a.mean() - b.mean()) < tolerance, tensor_name
