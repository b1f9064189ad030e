"""Estimators in several processes and threads at once."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from joblib import Parallel, cpu_count, delayed, parallel_config
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    WordPieceTokenizer,
    classify,
    load_model,
)
from skdistilbert.estimators import loaded_encoders
from skdistilbert.nn import heads, inference
from skdistilbert.nn.functional import linear
from skdistilbert.nn.runtime import resolve_n_threads
from skdistilbert.nn.runtime.blas import blas_libraries

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = [f"{a} {b} ?" for a in ("what", "who", "where") for b in ("is", "would", "then")] * 8
LABELS = [label for label in ("thing", "person", "place") for _ in range(3)] * 8
TIMEOUT = 60  # seconds, on a busy machine


@pytest.fixture(params=["embedder", "classifier"])
def estimator(request: pytest.FixtureRequest, tiny: Path) -> Any:  # noqa: ANN401
    if request.param == "embedder":
        return make_pipeline(DistilBertEmbedder(tiny), LogisticRegression())
    return DistilBertClassifier(tiny, max_iter=50, tol=1e-1, random_state=0)


def cross_validated(estimator: Any) -> np.ndarray:  # noqa: ANN401
    scores: np.ndarray = cross_val_predict(
        estimator, TEXTS, LABELS, cv=2, method="decision_function"
    )
    return scores


def test_heads_multiply_on_one_thread(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other threads of BLAS would keep a core busy, and slow down the next prediction.
    def counted(*arguments: Any) -> np.ndarray:  # noqa: ANN401
        counts.append(max(library.num_threads for library in blas_libraries()))
        return linear(*arguments)

    classifier = DistilBertClassifier(tiny, trainable_layers=0, max_iter=1).fit(TEXTS, LABELS)
    checkpoint = tiny.with_name("distilbert-tiny-sequence-classification")
    counts: list[int] = []
    monkeypatch.setattr(heads, "linear", counted)
    with threadpool_limits(2, "blas"):
        classifier.predict(TEXTS[:9])
        classify(load_model(checkpoint), WordPieceTokenizer.from_pretrained(checkpoint), TEXTS[:9])
    assert set(counts) == {1}


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_backends_of_joblib(estimator: Any, backend: str) -> None:  # noqa: ANN401
    expected = cross_validated(estimator)
    with parallel_config(backend, n_jobs=2):
        np.testing.assert_allclose(cross_validated(estimator), expected, atol=1e-4)


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_processes_share_out_the_cores(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)  # they override joblib
    n_jobs = 2
    n_threads = Parallel(n_jobs, backend=backend)(
        delayed(resolve_n_threads)(None) for _ in range(n_jobs)
    )
    assert sum(n_threads) <= max(n_jobs, cpu_count())


# Dask issues warnings of its own.
@pytest.mark.filterwarnings("ignore")
def test_the_backend_of_dask(tiny: Path) -> None:
    distributed = pytest.importorskip("distributed")
    estimator = make_pipeline(DistilBertEmbedder(tiny), LogisticRegression())
    expected = cross_validated(estimator)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=0
    )
    with cluster, distributed.Client(cluster) as client, parallel_config("dask"):
        assert client.submit(resolve_n_threads, None).result(TIMEOUT) == 1
        np.testing.assert_allclose(cross_validated(estimator), expected, atol=1e-4)


@pytest.fixture
def fitted(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> DistilBertEmbedder:
    # The tiny model has too little work for several threads otherwise.
    monkeypatch.setattr(inference, "MIN_WORK_PER_THREAD", 1)
    return DistilBertEmbedder(tiny).fit(TEXTS)


def test_eight_threads_get_the_results_of_one(fitted: DistilBertEmbedder) -> None:
    corpora = [TEXTS[start:] for start in range(8)] * 4
    expected = [fitted.transform(corpus) for corpus in corpora]
    unpickled = pickle.loads(pickle.dumps(fitted))  # all threads load its encoder at once
    barrier = threading.Barrier(8)

    def transform(corpus: list[str]) -> np.ndarray:
        barrier.wait(TIMEOUT)
        return unpickled.transform(corpus)

    with ThreadPoolExecutor(8) as pool:
        for features, of_one in zip(pool.map(transform, corpora), expected, strict=True):
            np.testing.assert_allclose(features, of_one, atol=1e-5)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_an_outer_thread_limit_is_respected_and_restored(
    fitted: DistilBertEmbedder, n_threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    blas = blas_libraries()
    before, workers = [library.num_threads for library in blas], set()
    encode = inference.encode

    def spied(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        workers.add(threading.get_ident())
        assert {library.num_threads for library in blas} == {1}
        return encode(*args, **options)

    monkeypatch.setattr(inference, "encode", spied)
    with threadpool_limits(n_threads, user_api="blas"):
        fitted.transform(TEXTS)
        assert {library.num_threads for library in blas} == {n_threads}
    assert [library.num_threads for library in blas] == before
    assert len(workers) <= n_threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
# Python 3.12 and newer warn that a fork of a process with threads may deadlock. It must not.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forks_beside_threads_at_work_do_not_deadlock(fitted: DistilBertEmbedder) -> None:
    expected, forked = fitted.transform(TEXTS), threading.Event()

    def keep_working() -> None:
        while not forked.is_set():
            DistilBertEmbedder(fitted.model).fit_transform(TEXTS)

    def hold_lock() -> None:  # like a thread that loads a model
        with loaded_encoders._loading:
            forked.wait(TIMEOUT)

    def in_child() -> None:
        features = DistilBertEmbedder(fitted.model).fit_transform(TEXTS)
        np.testing.assert_allclose(features, expected, atol=1e-5)

    threads = [threading.Thread(target=target) for target in (keep_working, hold_lock)]
    for thread in threads:
        thread.start()
    child = multiprocessing.get_context("fork").Process(target=in_child)
    child.start()
    forked.set()
    for thread in (child, *threads):
        thread.join(TIMEOUT)
    exitcode = child.exitcode
    child.kill()
    assert exitcode == 0
