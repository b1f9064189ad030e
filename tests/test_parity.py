"""Against transformers, tokenizers and torch themselves, where they are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    WordPieceTokenizer,
    embed,
    load_model,
)
from skdistilbert.tokenization import AddedToken

ROOT = Path(__file__).parents[1]
ARCHITECTURES = (
    "DistilBertModel",
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
    "DistilBertForQuestionAnswering",
    "DistilBertForMaskedLM",
)


@pytest.mark.parity
@pytest.mark.parametrize("activation", ["gelu", "relu"])
@pytest.mark.parametrize("sinusoidal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.filterwarnings("default")
def test_checkpoints_go_there_and_back(
    architecture: str, dtype: str, sinusoidal: bool, activation: str, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=37,
        vocab_size=99,
        initializer_range=0.2,
        activation=activation,
        sinusoidal_pos_embds=sinusoidal,
    )
    theirs = getattr(transformers, architecture)(config).eval().to(getattr(torch, dtype))
    theirs.save_pretrained(tmp_path / "theirs", max_shard_size="30KB")
    theirs = theirs.float()
    ids = np.random.default_rng(0).integers(0, 99, (3, 20))
    mask = np.ones_like(ids)
    mask[1, 9:] = 0
    mask[2, [0, 3, 5]] = 0
    ours = load_model(tmp_path / "theirs")
    assert type(ours).__name__ == architecture
    ours.save_pretrained(tmp_path / "ours")
    again = getattr(transformers, architecture).from_pretrained(tmp_path / "ours").eval()
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, theirs.state_dict()[name])  # of float32, too
    with torch.inference_mode():
        expected = theirs(torch.tensor(ids), torch.tensor(mask))
        returned = again(torch.tensor(ids), torch.tensor(mask))
    got = ours(ids, mask)
    for name, value in expected.items():
        visible = mask > 0 if value.shape[:2] == mask.shape else slice(None)
        np.testing.assert_allclose(getattr(got, name)[visible], value.numpy()[visible], atol=1e-5)
        np.testing.assert_allclose(returned[name].numpy(), value.numpy(), atol=1e-5)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("lower", [True, False])
def test_a_saved_tokenizer_is_the_same_in_transformers(
    lower: bool, tiny: Path, tmp_path: Path
) -> None:
    transformers = pytest.importorskip("transformers")
    user = AddedToken("[user]", 1124, special=True, lstrip=True)
    tokenizer = WordPieceTokenizer.from_pretrained(
        tiny, do_lower_case=lower, added_tokens=[user], model_max_length=99
    )
    load_model(tiny).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "model")
    assert theirs.model_max_length == 99
    for text in ("Where is it? [SEP] x [user]y", "A caf\u00e9 [MASK] \u4e2d\u6587", ""):
        assert tokenizer.encode(text) == theirs.encode(text)
    transformers.AutoModel.from_pretrained(tmp_path / "model")(
        **theirs("What it gives fits the model.", return_tensors="pt")
    )


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("model", ["small", pytest.param("minilm", marks=pytest.mark.minilm)])
def test_validate_parity(model: str) -> None:
    command = [sys.executable, "-m", "benchmarks.validate_parity", model]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


TEXTS = [f"{word} {rest}" for word in ("cat", "dog", "car", "bus") for rest in "abcde"]
LABELS = ["animal"] * 10 + ["vehicle"] * 10


@pytest.mark.minilm
def test_real_weights_in_pipelines(minilm: Path) -> None:
    pipeline = make_pipeline(DistilBertEmbedder(minilm), LogisticRegression())
    assert pipeline.fit(TEXTS, LABELS).score(["a kitten", "a lorry"], ["animal", "vehicle"]) == 1
    assert cross_val_score(pipeline, TEXTS, LABELS, cv=3).mean() > 0.9
    grid = GridSearchCV(pipeline, {"distilbertembedder__pooling": ["cls", "mean", "max"]}, cv=3)
    assert grid.fit(TEXTS, LABELS).best_score_ > 0.9
    classifier = DistilBertClassifier(minilm, max_iter=30, tol=0, random_state=0)
    grid = GridSearchCV(classifier, {"pooling": ["cls", "mean"]}, cv=2, error_score="raise")
    assert grid.fit(TEXTS, LABELS).score(["a kitten", "a lorry"], ["animal", "vehicle"]) == 1


@pytest.mark.minilm
def test_real_weights_do_not_depend_on_batch_order_or_threads(minilm: Path) -> None:
    model, tokenizer = load_model(minilm), WordPieceTokenizer.from_pretrained(minilm)
    texts = [*TEXTS, "one " * 200, "two " * 77, ""]
    expected = embed(model, tokenizer, texts, pooling="mean")
    for n_threads in (1, 2, 3):
        got = embed(model, tokenizer, texts[::-1], pooling="mean", n_threads=n_threads)[::-1]
        np.testing.assert_allclose(got, expected, atol=1e-5)
    alone = np.stack([embed(model, tokenizer, text, pooling="mean") for text in texts])
    np.testing.assert_allclose(alone, expected, atol=1e-5)


@pytest.mark.parity
@pytest.mark.filterwarnings("default")
def test_layers_are_the_hidden_states_of_transformers(tiny: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    theirs = transformers.AutoModel.from_pretrained(tiny).eval()
    tokenizer = WordPieceTokenizer.from_pretrained(tiny)
    with torch.inference_mode():
        ids = torch.tensor([tokenizer.encode("where is it?")])
        hidden_states = theirs(ids, output_hidden_states=True).hidden_states
    for layer in range(-6, 6):
        got = embed(load_model(tiny), tokenizer, "where is it?", pooling="mean", layer=layer)
        np.testing.assert_allclose(got, hidden_states[layer][0].mean(0).numpy(), atol=1e-5)


@pytest.mark.parity
@pytest.mark.parametrize("model_type", ["distilbert", "bert"])
@pytest.mark.filterwarnings("default")
def test_dropout_is_applied_where_transformers_applies_it(model_type: str, tmp_path: Path) -> None:
    """A rate of 1 drops everything, so that the loss of the training does not depend on chance."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 99, "num_labels": 3}
    if model_type == "bert":
        sizes |= {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
        rates = {"hidden_dropout_prob": 1.0, "classifier_dropout": 0.0}
        config = transformers.BertConfig(intermediate_size=37, **sizes, **rates)
        theirs = transformers.BertForSequenceClassification(config)
    else:
        sizes |= {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 37}
        rates = {"dropout": 1.0, "attention_dropout": 1.0, "seq_classif_dropout": 0.0}
        config = transformers.DistilBertConfig(**sizes, **rates)
        theirs = transformers.DistilBertForSequenceClassification(config)
    torch.manual_seed(0)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    theirs.save_pretrained(tmp_path)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(94))]
    WordPieceTokenizer({token: i for i, token in enumerate(tokens)}).save_pretrained(tmp_path)
    texts, labels = ["1 2 3", "4 5", "6"], ["LABEL_0", "LABEL_2", "LABEL_1"]
    ours = DistilBertClassifier.from_pretrained(
        tmp_path, trainable_layers="all", learning_rate_init=1e-9, batch_size=3
    )
    ours.partial_fit(texts, labels)
    encoded = transformers.AutoTokenizer.from_pretrained(tmp_path)(
        texts, padding=True, return_tensors="pt"
    )
    loss = theirs.train()(**encoded, labels=torch.tensor([0, 2, 1])).loss.item()
    np.testing.assert_allclose(ours.loss_curve_, [loss], rtol=1e-5)
