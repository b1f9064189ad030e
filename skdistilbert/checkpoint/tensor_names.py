"""Map the tensor names of checkpoint files to the names in transformers' DistilBERT.

This package uses transformers' names without the prefix ``distilbert.``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skdistilbert.checkpoint.config import DistilBertConfig

Head = Literal[
    "sequence_classification", "token_classification", "question_answering", "masked_lm"
]
Shape = tuple[int, ...]

# Class names of transformers without the name of the architecture.
CLASSES: dict[Head | None, str] = {
    None: "Model",
    "sequence_classification": "ForSequenceClassification",
    "token_classification": "ForTokenClassification",
    "question_answering": "ForQuestionAnswering",
    "masked_lm": "ForMaskedLM",
}
PREFIXES = {"distilbert": "DistilBert", "bert": "Bert"}
HEAD_OF_ARCHITECTURE: dict[str, Head | None] = {
    f"{prefix}{suffix}": head for prefix in PREFIXES.values() for head, suffix in CLASSES.items()
} | {"BertForPreTraining": "masked_lm"}  # the next-sentence head is ignored
# Architectures whose heads cannot be loaded, and the reasons.
UNSUPPORTED_ARCHITECTURES = {
    "BertForNextSentencePrediction": "its next-sentence head has no counterpart",
    "BertForMultipleChoice": "its head has no counterpart here",
    "DistilBertForMultipleChoice": "its head has no counterpart here",
}

MASKED_LM_BIAS, DECODER_BIAS = "cls.predictions.bias", "cls.predictions.decoder.bias"
# Applied in this order; the longer ".attention.output." must come before ".output.".
BERT_TO_DISTILBERT = (
    ("encoder.layer.", "transformer.layer."),
    (".attention.self.query.", ".attention.q_lin."),
    (".attention.self.key.", ".attention.k_lin."),
    (".attention.self.value.", ".attention.v_lin."),
    (".attention.output.dense.", ".attention.out_lin."),
    (".attention.output.LayerNorm.", ".sa_layer_norm."),
    (".intermediate.dense.", ".ffn.lin1."),
    (".output.dense.", ".ffn.lin2."),
    (".output.LayerNorm.", ".output_layer_norm."),
    ("cls.predictions.transform.dense.", "vocab_transform."),
    ("cls.predictions.transform.LayerNorm.", "vocab_layer_norm."),
    ("cls.predictions.decoder.", "vocab_projector."),
    (MASKED_LM_BIAS, "vocab_projector.bias"),
)
# The original BERT checkpoints also have a next-sentence head.
NEXT_SENTENCE = "cls.seq_relationship."
# TensorFlow's names, which old converted files have kept.
OLD_LAYER_NORM = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))

TOKEN_TYPES = "embeddings.token_type_embeddings.weight"
# This package's form of BERT's token types: row 1 of the table minus row 0, (dim,).
TOKEN_TYPE_DIFFERENCE = "embeddings.token_type_difference"
WORDS = "embeddings.word_embeddings.weight"
POSITIONS = "embeddings.position_embeddings.weight"
PROJECTOR = "vocab_projector.weight"

ENCODER_PREFIXES = ("embeddings.", "transformer.")
HEAD_OF_TENSOR: dict[str, Head] = {
    "vocab_transform.weight": "masked_lm",
    "qa_outputs.weight": "question_answering",
    "pre_classifier.weight": "sequence_classification",
    "pooler.dense.weight": "sequence_classification",
}
HEAD_PREFIXES = (
    "pre_classifier.",
    "classifier.",
    "qa_outputs.",
    "vocab_transform.",
    "vocab_layer_norm.",
    "vocab_projector.",
    "cls.",
)


# Constants that older releases of transformers stored.
CONSTANTS = ("embeddings.position_ids", "embeddings.token_type_ids")
# Parts of the names of tensors that only a loss function reads.
NEVER_READ = ("loss", "criterion", "class_weight")
# Every encoder has this tensor, under one of these names.
ANCHORS = ("embeddings.LayerNorm.weight", "embeddings.LayerNorm.gamma")


def wrapper_prefixes(names: Iterable[str], *, bert: bool) -> list[str]:
    """Return the name prefix of each encoder in a file; [""] for a file of transformers.

    A wrapper, such as torch's DataParallel with "module.", puts its name before all others.
    """
    own, prefixes = "bert." if bert else "distilbert.", set()
    for name in names:
        for anchor in ANCHORS:
            before = name.removesuffix(anchor)
            if before != name and (not before or before.endswith(".")):
                prefixes.add(before.removesuffix(own))
    return sorted(prefixes)


def canonical_name(name: str, *, bert: bool, wrapper: str = "") -> str | None:
    """Return this package's name of a tensor in a file, or None if the tensor is not used."""
    name = name.removeprefix(wrapper).removeprefix("bert." if bert else "distilbert.")
    for old, new in OLD_LAYER_NORM:
        name = name.replace(old, new)
    if name in CONSTANTS or (bert and name.startswith(NEXT_SENTENCE)):
        return None
    if bert:
        for theirs, ours in BERT_TO_DISTILBERT:
            name = name.replace(theirs, ours)
    return name


def name_in_file(name: str, *, bert: bool) -> str:
    """Return the name of a tensor in a file, without prefix; the inverse of `canonical_name`."""
    if bert:
        for theirs, ours in reversed(BERT_TO_DISTILBERT):
            name = name.replace(ours, theirs)
    return name


def encoder_shapes(config: DistilBertConfig) -> dict[str, Shape]:
    """Return the names and shapes of the encoder's tensors in a file."""
    dim, hidden_dim = config.dim, config.hidden_dim
    shapes: dict[str, Shape] = {
        WORDS: (config.vocab_size, dim),
        POSITIONS: (config.max_position_embeddings, dim),
        **_layer_norm("embeddings.LayerNorm", dim),
    }
    if config.model_type == "bert":
        shapes[TOKEN_TYPES] = (config.type_vocab_size, dim)
    for index in range(config.n_layers):
        layer = f"transformer.layer.{index}"
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            shapes |= _linear(f"{layer}.attention.{part}", dim, dim)
        shapes |= _layer_norm(f"{layer}.sa_layer_norm", dim)
        shapes |= _linear(f"{layer}.ffn.lin1", hidden_dim, dim)
        shapes |= _linear(f"{layer}.ffn.lin2", dim, hidden_dim)
        shapes |= _layer_norm(f"{layer}.output_layer_norm", dim)
    return shapes


def head_shapes(config: DistilBertConfig, head: Head | None) -> dict[str, Shape]:
    """Return the names and shapes of a task head's tensors.

    Without a head, these are the tensors of BERT's pooler, which a file may have or not.
    """
    dim = config.dim
    if head is None:
        return _linear("pooler.dense", dim, dim) if config.model_type == "bert" else {}
    if head == "sequence_classification":
        first = "pooler.dense" if config.model_type == "bert" else "pre_classifier"
        return _linear(first, dim, dim) | _linear("classifier", config.num_labels, dim)
    if head == "token_classification":
        return _linear("classifier", config.num_labels, dim)
    if head == "question_answering":
        return _linear("qa_outputs", 2, dim)
    hidden = _linear("vocab_transform", dim, dim) | _layer_norm("vocab_layer_norm", dim)
    return hidden | _linear("vocab_projector", config.vocab_size, dim)


def _linear(name: str, n_out: int, n_in: int) -> dict[str, Shape]:
    return {f"{name}.weight": (n_out, n_in), f"{name}.bias": (n_out,)}


def _layer_norm(name: str, dim: int) -> dict[str, Shape]:
    return {f"{name}.weight": (dim,), f"{name}.bias": (dim,)}
