"""The recipe of `DistilBertClassifier` in torch and transformers, for fine_tuning.py."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import transformers

from benchmarks.resources import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Tensor = torch.Tensor


class Recipe(NamedTuple):
    """What both engines do."""

    layers: int | str
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    pooling: str
    seed: int
    n_threads: int


class Classifier(torch.nn.Module):
    """An encoder, its pooled states, and DistilBERT's classification head."""

    def __init__(self, encoder: Any, num_labels: int, pooling: str = "mean") -> None:  # noqa: ANN401
        super().__init__()
        self.pooling = pooling
        dim = encoder.config.hidden_size
        self.encoder = encoder
        self.pre_classifier = torch.nn.Linear(dim, dim)
        self.classifier = torch.nn.Linear(dim, num_labels)
        self.dropout = torch.nn.Dropout(0.2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.of_features(self.features(input_ids, attention_mask))

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "cls":
            return hidden[:, 0]
        mask = attention_mask[..., None]
        return (hidden * mask).sum(1) / mask.sum(1)

    def of_features(self, pooled: Tensor) -> Tensor:
        return self.classifier(self.dropout(torch.relu(self.pre_classifier(pooled))))


class Tagger(Classifier):
    """An encoder, and DistilBERT's token-classification head on each token."""

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden[attention_mask.bool()]  # (n_tokens, dim)

    def of_features(self, hidden: Tensor) -> Tensor:
        return self.classifier(torch.nn.functional.dropout(hidden, 0.1, self.training))


def freeze(model: Classifier, layers: int | str) -> None:
    """Train the topmost layers and the head alone; "all": everything."""
    if layers == "all":
        return
    model.encoder.requires_grad_(requires_grad=False)
    for layer in model.encoder.encoder.layer[len(model.encoder.encoder.layer) - int(layers) :]:
        layer.requires_grad_(requires_grad=True)


def fit_and_predict(
    directory: Path,
    texts: list[list[int]],
    targets: list[int] | list[list[int]],
    test_texts: list[list[int]],
    recipe: Recipe,
    num_labels: int,
) -> dict[str, Any]:
    """Train on token ids, with a class a text, or a class or -100 a token; predict classes."""
    torch.set_num_threads(recipe.n_threads)
    torch.manual_seed(recipe.seed)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    encoder = transformers.BertModel.from_pretrained(directory, add_pooling_layer=False)
    by_token = isinstance(targets[0], list)
    model = (Tagger if by_token else Classifier)(encoder, num_labels, recipe.pooling)
    freeze(model, recipe.layers)
    began = time.perf_counter()
    train(model, texts, targets, recipe)
    seconds = (time.perf_counter() - began) / recipe.epochs
    model.eval()
    predicted: list[Any] = []
    with torch.inference_mode():
        for text in test_texts:
            classes = model(*padded([text])).argmax(1).tolist()
            predicted += [classes] if by_token else classes
    return {"predicted": predicted, "seconds": seconds, "epochs": recipe.epochs}


def train(
    model: Classifier,
    texts: list[list[int]],
    targets: list[int] | list[list[int]],
    recipe: Recipe,
) -> None:
    n_steps = recipe.epochs * -(-len(texts) // recipe.batch_size)
    optimizer = adamw(model, recipe.learning_rate, recipe.weight_decay)
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, round(recipe.warmup * n_steps), n_steps
    )
    rng = np.random.default_rng(recipe.seed)
    logits_of = batches_of(model, texts, recipe.layers)
    model.train()
    for _ in range(recipe.epochs):
        for rows in np.split(
            rng.permutation(len(texts)), range(recipe.batch_size, len(texts), recipe.batch_size)
        ):
            of_rows = np.hstack([targets[row] for row in rows])  # a class a text, or a token
            loss = torch.nn.functional.cross_entropy(logits_of(rows), torch.from_numpy(of_rows))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()


def batches_of(
    model: Classifier, texts: list[list[int]], layers: int | str
) -> Callable[[np.ndarray], Tensor]:
    """Give the function from rows to logits; features of a frozen encoder are computed once."""
    if layers != 0:
        return lambda rows: model(*padded([texts[row] for row in rows]))
    features: dict[int, Tensor] = {}
    model.eval()
    with torch.no_grad():
        for rows in np.array_split(np.argsort([-len(ids) for ids in texts]), len(texts) // 32 + 1):
            lengths = [len(texts[row]) if isinstance(model, Tagger) else 1 for row in rows]
            of_rows = model.features(*padded([texts[row] for row in rows])).split(lengths)
            features |= zip(rows, of_rows, strict=True)
    return lambda rows: model.of_features(torch.cat([features[row] for row in rows]))


def adamw(model: torch.nn.Module, learning_rate: float, weight_decay: float) -> Any:  # noqa: ANN401
    """Without decay of biases and normalisations, as transformers' Trainer."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [x for x in trained if x.ndim > 1], "weight_decay": weight_decay},
        {"params": [x for x in trained if x.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate)


def padded(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Ids and attention mask, (n_texts, longest) each."""
    longest = max(map(len, texts))
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    mask = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return ids, mask


def time_steps(
    directory: Path, batches: list[tuple[list[list[int]], np.ndarray]], n_threads: int
) -> dict[str, Any]:
    """Milliseconds of each part of a step of a DistilBERT: medians over the batches."""
    torch.set_num_threads(n_threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = Classifier(transformers.DistilBertModel.from_pretrained(directory), 6)
    optimizer = adamw(model, 5e-5, 0.01)
    model.train()
    marks = np.array([list(_step(model, optimizer, *batch)) for batch in batches])
    forward, backward, step = 1000 * np.median(np.diff(marks, axis=1), axis=0)
    peak = (peak_memory() or np.nan) / 2**20
    return {"forward": forward, "backward": backward, "optimiser": step, "MB": peak}


def _step(
    model: Classifier,
    optimizer: Any,  # noqa: ANN401
    texts: list[list[int]],
    targets: np.ndarray,
) -> Iterator[float]:
    yield time.perf_counter()
    loss = torch.nn.functional.cross_entropy(model(*padded(texts)), torch.from_numpy(targets))
    yield time.perf_counter()
    loss.backward()
    yield time.perf_counter()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    yield time.perf_counter()
