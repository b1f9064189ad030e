"""The fields of ``config.json``, which have other names for BERT than for DistilBERT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skdistilbert.exceptions import warn_user
from skdistilbert.files.model_type import check_model_type

if TYPE_CHECKING:
    from collections.abc import Mapping

# Field names of `model_type: bert`, and the DistilBERT fields with the same meaning.
BERT_FIELDS = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "intermediate_size": "hidden_dim",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "classifier_dropout": "seq_classif_dropout",
}
# Fields of this package's configuration that a file of each architecture does not have.
OTHERS_FIELDS = {
    "distilbert": ("layer_norm_eps", "type_vocab_size"),
    "bert": ("sinusoidal_pos_embds", "qa_dropout"),
}
# transformers also accepts these names in files of `model_type: distilbert`, and prefers them.
ALIASES = ("hidden_size", "num_hidden_layers", "num_attention_heads")
# Fields that could change the results, with the values that have no effect.
NEUTRAL_VALUES: dict[str, tuple[object, ...]] = {
    "is_causal": (False, None),
    "per_layer_config": (None, {}),
    "quantization_config": (None,),
}
NEUTRAL_BERT_VALUES: dict[str, tuple[object, ...]] = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "add_cross_attention": (False, None),
}
# The default of BERT that differs from the default of DistilBERT.
BERT_DEFAULTS = {"num_hidden_layers": 12}
# Defaults of both architectures.
DROPOUT, LAYER_NORM_EPS = 0.1, 1e-12


def read_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a file with the names and types of `DistilBertConfig`.

    Raises
    ------
    ValueError
        If ``model_type`` is unknown, a label is not valid, or a field asks for a network that
        this package does not have.
    """
    _check_neutral(values, NEUTRAL_VALUES)
    model_type = check_model_type(values)
    named = _from_bert(values) if model_type == "bert" else _own(values)
    named["model_type"] = model_type
    if named.get("pad_token_id") is None:
        named["pad_token_id"] = 0
    named["output_hidden_states"] = named.get("output_hidden_states") is True
    named["architectures"] = _architectures(named.get("architectures"))
    named["id2label"] = _labels(named)
    return named


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a DistilBERT's file."""
    aliased = {BERT_FIELDS[name]: values[name] for name in ALIASES if name in values}
    named = {**values, **aliased}
    named.pop("type_vocab_size", None)
    eps = named.pop("layer_norm_eps", None)
    if eps not in (None, LAYER_NORM_EPS):
        warn_user(
            f"config.json sets layer_norm_eps to {eps!r:.99}, but DistilBERT always uses "
            f"{LAYER_NORM_EPS}, here as in transformers. The field has no effect; remove it. If "
            "the model was trained with this value, save it with model_type 'bert'."
        )
    return named


def _from_bert(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a BERT's file with DistilBERT's names."""
    _check_neutral(values, NEUTRAL_BERT_VALUES)
    values = {**BERT_DEFAULTS, **values}
    # BERT ignores DistilBERT's names of these fields, which a file may also contain.
    ours = {*BERT_FIELDS.values(), *OTHERS_FIELDS["bert"]}
    named = {BERT_FIELDS.get(key, key): value for key, value in values.items() if key not in ours}
    if named.get("seq_classif_dropout") is None:
        named["seq_classif_dropout"] = named.get("dropout", DROPOUT)
    return named


def _check_neutral(values: Mapping[str, Any], neutral: Mapping[str, tuple[object, ...]]) -> None:
    for name, accepted in neutral.items():
        if (got := values.get(name, accepted[0])) not in accepted:
            expected = " or ".join(map(repr, accepted))
            raise ValueError(
                f"{name} must be {expected}, because this package has only the plain encoder; got "
                f"{got!r:.99}."
            )


def _architectures(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"architectures must be a list of names; got {value!r:.99}.")
    return tuple(value)


def _labels(values: Mapping[str, Any]) -> dict[int, Any]:
    """Return the names of the outputs; as in transformers, ``num_labels`` decides their number."""
    labels, n_labels = values.get("id2label"), values.get("num_labels")
    if labels is not None and not isinstance(labels, dict):
        raise ValueError(f"id2label must be an object; got {labels!r:.99}.")
    if n_labels is None and labels is None:
        n_labels = 2
    if n_labels is not None and (type(n_labels) is not int or not 1 <= n_labels <= 1_000_000):
        raise ValueError(f"num_labels must be a positive integer; got {n_labels!r:.99}.")
    if labels is None or n_labels not in (None, len(labels)):
        return {index: f"LABEL_{index}" for index in range(n_labels or 0)}
    try:
        # transformers accepts numbers as labels; they become strings.
        return {
            int(index): str(label) if type(label) in (int, float) else label
            for index, label in labels.items()
        }
    except ValueError as error:
        raise ValueError(f"id2label: every key must be an integer ({error}).") from None
