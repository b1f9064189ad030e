"""BERT checkpoints with random weights have the results of transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import answer, classify, load_model

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


ARCHITECTURES = {  # with options, and the fields of the output
    "BertModel": ({}, ["last_hidden_state"]),
    "BertForSequenceClassification, 1": ({"num_labels": 1}, ["logits"]),
    "BertForSequenceClassification, 2": ({"num_labels": 2}, ["logits"]),
    "BertForSequenceClassification, 5": ({"num_labels": 5}, ["logits"]),
    "BertForTokenClassification": ({"num_labels": 3}, ["logits"]),
    "BertForQuestionAnswering": ({}, ["start_logits", "end_logits"]),
    "BertForMaskedLM": ({}, ["logits"]),
    "BertForMaskedLM, untied": ({"tie_word_embeddings": False}, ["logits"]),
}


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_outputs_of_pairs_and_of_single_texts(
    architecture: str, shape: Shape, side: str, tmp_path: Path
) -> None:
    options, fields = ARCHITECTURES[architecture]
    theirs = random_bert(architecture.partition(",")[0], shape, **options)
    theirs.save_pretrained(tmp_path / "theirs")
    model = load_model(tmp_path / "theirs")
    model.save_pretrained(tmp_path / "ours")
    saved, report = type(theirs).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    ids, mask, types = padded(side)
    for token_types in (types, None):
        expected = of_torch(theirs, ids, mask, token_types)
        got = model(ids, mask, token_type_ids=token_types, output_hidden_states=True)
        again = of_torch(saved.eval(), ids, mask, token_types)
        for ours, states in zip(got.hidden_states, expected.hidden_states, strict=True):
            np.testing.assert_allclose(ours[mask > 0], states.numpy()[mask > 0], atol=1e-5)
        for field in fields:
            values = expected[field].numpy()
            visible = mask > 0 if values.shape[:2] == mask.shape else slice(None)
            np.testing.assert_allclose(getattr(got, field)[visible], values[visible], atol=1e-5)
            np.testing.assert_allclose(again[field].numpy(), values, atol=1e-5)


@pytest.mark.parametrize("head", ["SequenceClassification", "QuestionAnswering"])
def test_logits_of_texts_alone_and_in_batches(head: str, tmp_path: Path) -> None:
    theirs = random_bert(f"BertFor{head}")
    theirs.save_pretrained(tmp_path)
    model = load_model(tmp_path)
    ids, mask, types = padded("right")
    rows, row_types = ([x[m > 0] for x, m in zip(y, mask, strict=True)] for y in (ids, types))
    batch = model.logits(rows, token_type_ids=row_types)
    for row, (text, text_types) in enumerate(zip(rows, row_types, strict=True)):
        output = of_torch(theirs, text[None], None, text_types[None])
        expected = output.get("logits")
        if head == "QuestionAnswering":
            expected = np.stack([output.start_logits, output.end_logits], axis=-1)
        alone = model.logits([text], token_type_ids=[text_types])[0]
        np.testing.assert_allclose(batch[row], expected[0], atol=1e-5)
        np.testing.assert_allclose(alone, expected[0], atol=1e-5)


def of_torch(model: Any, ids: Any, mask: Any, types: Any) -> Any:  # noqa: ANN401
    """Return the output of a model of transformers."""
    import torch

    tensors = (None if x is None else torch.from_numpy(np.asarray(x)) for x in (ids, mask, types))
    with torch.inference_mode():
        return model(*tensors, output_hidden_states=True)


@pytest.mark.minilm
@pytest.mark.parametrize(
    ("problem_type", "num_labels"),
    [
        ("regression", 1),
        ("single_label_classification", 2),
        ("single_label_classification", 5),
        ("multi_label_classification", 5),
    ],
)
def test_probabilities_of_real_weights_with_a_random_head(
    problem_type: str, num_labels: int, minilm: Path, tmp_path: Path
) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    auto = transformers.AutoModelForSequenceClassification
    theirs = auto.from_pretrained(minilm, num_labels=num_labels, problem_type=problem_type).eval()
    theirs.classifier.weight.data.normal_(0, 0.3)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    theirs.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    pipeline = transformers.pipeline("text-classification", model=theirs, tokenizer=tokenizer)
    texts = ["A man is eating.", "Nobody eats.", "Where is my parcel? " * 9, ""]
    seconds = [*texts[1:3], *texts[:2]]  # the pipeline ignores an empty second text
    rows = [{"text": a, "text_pair": b} for a, b in zip(texts, seconds, strict=True)]
    for X in (texts, rows):
        expected = pipeline(X, top_k=None)
        for got, of_text in zip(classify(tmp_path, X, top_k=None), expected, strict=True):
            assert [each["label"] for each in got] == [each["label"] for each in of_text]
            scores = ([each["score"] for each in labels] for labels in (got, of_text))
            np.testing.assert_allclose(*scores, atol=1e-5)
    pairs = tokenizer(texts, seconds, padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = theirs(**pairs).logits.numpy()
    ours = load_model(tmp_path)(
        pairs.input_ids, pairs.attention_mask, token_type_ids=pairs.token_type_ids
    )
    np.testing.assert_allclose(ours.logits, logits, atol=1e-5)


@pytest.mark.minilm
def test_answers_of_real_weights_with_a_random_head(minilm: Path, tmp_path: Path) -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    torch.manual_seed(0)
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(minilm).eval()
    theirs.qa_outputs.weight.data.normal_(0, 0.3)
    tokenizer = transformers.AutoTokenizer.from_pretrained(minilm)
    theirs.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    question, context = "Who lives here?", "An old man and two cats live in this house."
    encoded = tokenizer(question, context, return_tensors="pt")
    with torch.inference_mode():
        output = theirs(**encoded)
    is_read = encoded.token_type_ids[0] > 0  # the context and, for no answer, [CLS]
    is_read[0], is_read[-1] = True, False
    start, end = (x[0][is_read].softmax(-1) for x in (output.start_logits, output.end_logits))
    spans = torch.outer(start, end)[1:, 1:]
    best = float((spans.triu() - spans.triu(9)).max())
    options: Any = {"max_answer_len": 9, "align_to_words": False, "top_k": 1}
    found = answer(tmp_path, question, context, **options)
    np.testing.assert_allclose(found["score"], best, atol=1e-5)
