"""The training of fine_tuning.py in torch and transformers: AdamW from a random head."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers

from benchmarks.checkpoints import find_minilm
from benchmarks.fine_tuning_engines import WEIGHT_DECAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.fine_tuning_engines import Fit

    Tensor = torch.Tensor


class Classifier(torch.nn.Module):
    """An encoder, a pooling, and the classification head of DistilBERT."""

    def __init__(self, encoder: Any, num_labels: int, pooling: str = "mean") -> None:  # noqa: ANN401
        super().__init__()
        self.pooling = pooling
        dim = encoder.config.hidden_size
        self.encoder = encoder
        self.pre_classifier = torch.nn.Linear(dim, dim)
        self.classifier = torch.nn.Linear(dim, num_labels)
        self.dropout = torch.nn.Dropout(0.2)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.logits(self.features(input_ids, attention_mask))

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        if self.pooling == "cls":
            return hidden[:, 0]
        mask = attention_mask[..., None]
        return (hidden * mask).sum(1) / mask.sum(1)

    def logits(self, pooled: Tensor) -> Tensor:
        return self.classifier(self.dropout(torch.relu(self.pre_classifier(pooled))))


class Tagger(Classifier):
    """An encoder, and the token-classification head of DistilBERT."""

    def features(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden[attention_mask.bool()]  # (n_tokens, dim)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.classifier(torch.nn.functional.dropout(hidden, 0.1, self.training))


def freeze(model: Classifier, layers: int | str) -> None:
    """Train only the head and the given number of layers from the top; "all": everything."""
    if layers == "all":
        return
    model.encoder.requires_grad_(requires_grad=False)
    for layer in model.encoder.encoder.layer[len(model.encoder.encoder.layer) - int(layers) :]:
        layer.requires_grad_(requires_grad=True)


def fit_and_predict(
    fit: Fit,
    texts: list[list[int]],
    targets: list[int] | list[list[int]],
    test_texts: list[list[int]],
    num_labels: int,
) -> tuple[list[np.ndarray], float]:
    """Train on token ids; return the logits of each test text and the seconds of an epoch.

    Targets are one class per text, or per text a list with a class or -100 for each token. Logits
    have shape (1 or n_tokens, num_labels).
    """
    torch.set_num_threads(fit.n_threads)
    torch.manual_seed(fit.seed)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    encoder = transformers.BertModel.from_pretrained(find_minilm(), add_pooling_layer=False)
    by_token = isinstance(targets[0], list)
    model = (Tagger if by_token else Classifier)(encoder, num_labels, fit.pooling)
    freeze(model, fit.layers)
    start = time.perf_counter()
    train(model, texts, targets, fit)
    seconds = (time.perf_counter() - start) / fit.epochs
    model.eval()
    with torch.inference_mode():
        logits = [model(*pad([text])).numpy() for text in test_texts]
    return logits, seconds


def train(
    model: Classifier, texts: list[list[int]], targets: list[int] | list[list[int]], fit: Fit
) -> None:
    n_steps = fit.epochs * -(-len(texts) // fit.batch_size)
    optimizer = adamw(model, fit.learning_rate)
    # A tenth of the steps is the warm-up, as in DistilBertClassifier.
    schedule = transformers.get_linear_schedule_with_warmup(
        optimizer, round(0.1 * n_steps), n_steps
    )
    rng = np.random.default_rng(fit.seed)
    logits_of = batch_logits(model, texts, fit.layers)
    borders = range(fit.batch_size, len(texts), fit.batch_size)
    model.train()
    for _ in range(fit.epochs):
        for rows in np.split(rng.permutation(len(texts)), borders):
            classes = np.hstack([targets[row] for row in rows])
            train_step(model, logits_of(rows), torch.from_numpy(classes), optimizer)
            schedule.step()


def train_step(
    model: Classifier, logits: Tensor, targets: Tensor, optimizer: torch.optim.Optimizer
) -> None:
    torch.nn.functional.cross_entropy(logits, targets).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()


def batch_logits(
    model: Classifier, texts: list[list[int]], layers: int | str
) -> Callable[[np.ndarray], Tensor]:
    """Return the function from rows to logits; a frozen encoder runs only once."""
    if layers != 0:
        return lambda rows: model(*pad([texts[row] for row in rows]))
    features: dict[int, Tensor] = {}
    model.eval()
    with torch.no_grad():
        for rows in np.array_split(np.argsort([-len(ids) for ids in texts]), len(texts) // 32 + 1):
            lengths = [len(texts[row]) if isinstance(model, Tagger) else 1 for row in rows]
            of_rows = model.features(*pad([texts[row] for row in rows])).split(lengths)
            features |= zip(rows, of_rows, strict=True)
    return lambda rows: model.logits(torch.cat([features[row] for row in rows]))


def adamw(model: torch.nn.Module, learning_rate: float) -> torch.optim.Optimizer:
    """Return AdamW without decay of biases and normalisations, as in transformers' Trainer."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [x for x in trained if x.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [x for x in trained if x.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=learning_rate)


def pad(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Return token ids and attention mask, (n_texts, seq_len) each."""
    longest = max(map(len, texts))
    ids = torch.zeros(len(texts), longest, dtype=torch.long)
    mask = torch.zeros(len(texts), longest, dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return ids, mask
