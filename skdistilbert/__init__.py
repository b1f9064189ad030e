"""DistilBERT as scikit-learn estimators, computed with NumPy instead of PyTorch.

The estimators are `DistilBertEmbedder`, `DistilBertContrastiveEmbedder`, `DistilBertClassifier`,
`DistilBertZeroShotClassifier`, `DistilBertRegressor` and `DistilBertTokenClassifier`.
`AttributionDisplay` explains predictions. `embed`, `predict`, `classify`, `score_pairs`, `rank`,
`extract_entities`, `answer` and `unmask` are functions of texts without scikit-learn.
`semantic_search` and `near_duplicates` compare embeddings. `WordPieceTokenizer.train` and
`DistilBertModel.from_config` create a vocabulary and a model from scratch.

Loading
-------
A model is "mini" (part of the package), a directory, or a name on the Hugging Face hub such as
"owner/name@revision". A model in the hub's cache is used without the network. Otherwise
`huggingface_hub` downloads only the files that this package reads, and never pickles. HF_HOME,
HF_HUB_CACHE, HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN have their usual meaning. If transformers
has downloaded a sentence-transformers model, its `modules.json` is not in the cache and is treated
as absent; ``hf download owner/name`` completes the model. Weights are memory-mapped, so processes
on one machine share them.

Threads and processes
---------------------
The number of threads is `n_threads`. The default is the number of threads that BLAS may use, which
`threadpoolctl`, joblib's workers and variables such as OMP_NUM_THREADS may limit. Across all
concurrent calls at most one thread per core works at a time. Estimators run in joblib's backends
loky, threading and multiprocessing, in Dask and in forked processes. `skdistilbert.nn.runtime`
has the details. On Linux, the C library keeps the memory of arrays up to 32 MB for the whole
process.

Matrix products
---------------
NumPy's BLAS multiplies matrices. If the extra ``mkl`` is installed, the first long pass of a
process measures for a few milliseconds whether Intel's MKL is faster, and then uses it. The
libraries change a result by at most 1e-5. SKDISTILBERT_MATMUL=numpy or SKDISTILBERT_MATMUL=mkl
chooses without a measurement. ``python -m skdistilbert`` prints the choice and its reason. For
short texts, MKL multiplies packed copies of the weights. Each number of threads that share a text
has its own copies, which take up to twice the memory of the weights. The copies are freed with the
model.

Exactness
---------
The reference is transformers 5 with torch in float32. Hidden states, logits and embeddings differ
by at most 1e-5. Token ids and offsets equal the results of the `tokenizers` library. The batch and
the number of threads change a result by at most 1e-5. `benchmarks/RESULTS.md` has the measured
differences.

Security
--------
Checkpoints and texts are not trusted: no pickle is opened, no code of a checkpoint is run, and
malformed files raise `CheckpointError`. Pickles of estimators and the file of an `embedding_cache`
are trusted. `.github/SECURITY.md` has the details.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from skdistilbert.version import __version__ as __version__

if TYPE_CHECKING:
    from skdistilbert.checkpoint import DistilBertConfig
    from skdistilbert.estimators import (
        DistilBertClassifier,
        DistilBertContrastiveEmbedder,
        DistilBertEmbedder,
        DistilBertRegressor,
        DistilBertTokenClassifier,
        DistilBertZeroShotClassifier,
    )
    from skdistilbert.exceptions import (
        CheckpointError,
        HubError,
        NonFiniteError,
        SkdistilbertError,
        TruncationWarning,
        UnknownTokenWarning,
    )
    from skdistilbert.inspection import AttributionDisplay
    from skdistilbert.models import (
        DistilBertForMaskedLM,
        DistilBertForQuestionAnswering,
        DistilBertForSequenceClassification,
        DistilBertForTokenClassification,
        DistilBertModel,
        load_model,
    )
    from skdistilbert.tasks import (
        answer,
        classify,
        embed,
        extract_entities,
        near_duplicates,
        predict,
        rank,
        score_pairs,
        semantic_search,
        unmask,
    )
    from skdistilbert.tokenization import WordPieceTokenizer

__all__ = [
    "AttributionDisplay",
    "CheckpointError",
    "DistilBertClassifier",
    "DistilBertConfig",
    "DistilBertContrastiveEmbedder",
    "DistilBertEmbedder",
    "DistilBertForMaskedLM",
    "DistilBertForQuestionAnswering",
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
    "DistilBertModel",
    "DistilBertRegressor",
    "DistilBertTokenClassifier",
    "DistilBertZeroShotClassifier",
    "HubError",
    "NonFiniteError",
    "SkdistilbertError",
    "TruncationWarning",
    "UnknownTokenWarning",
    "WordPieceTokenizer",
    "answer",
    "classify",
    "embed",
    "extract_entities",
    "load_model",
    "near_duplicates",
    "predict",
    "rank",
    "score_pairs",
    "semantic_search",
    "unmask",
]

# In the order of their imports: a module imports only earlier modules.
_MODULES = (
    "exceptions",
    "tokenization",
    "checkpoint",
    "models",
    "tasks",
    "estimators",
    "inspection",
)


def __getattr__(name: str) -> object:
    # Public names are imported at their first use, as in SPEC 1 of Scientific Python. A script
    # that uses only the tokenizer imports neither the network nor scikit-learn.
    if name in __all__:
        for module_name in _MODULES:
            module = import_module(f"{__name__}.{module_name}")
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
