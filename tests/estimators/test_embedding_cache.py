from __future__ import annotations

import inspect
import json
import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdistilbert import (
    DistilBertClassifier,
    DistilBertEmbedder,
    DistilBertModel,
    DistilBertRegressor,
    TruncationWarning,
    WordPieceTokenizer,
    embed,
    load_model,
)
from skdistilbert.estimators.cache import embedding_store
from skdistilbert.estimators.cache.embedding_store import EmbeddingStore
from skdistilbert.tasks.embedding_plan import EmbeddingPlan, plan_embedding
from skdistilbert.tasks.text_pooling import pool_texts
from tests.conftest import DATA
from tests.estimators.cache_worker import on_encoding, small_pieces, some_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

TINY = DATA / "distilbert-tiny"
TEXTS = some_texts(60)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


@pytest.fixture
def encoded() -> Iterator[list[int]]:
    """The number of texts of each call that encodes texts."""
    counts: list[int] = []
    with on_encoding(counts.append):
        yield counts


def features(cache: object, texts: list[str] = TEXTS, **params: Any) -> np.ndarray:  # noqa: ANN401
    embedder = DistilBertEmbedder(TINY, embedding_cache=cache, **params)  # type: ignore[arg-type]
    return embedder.fit_transform(texts)


def rows(cache: Path) -> int:
    connection = sqlite3.connect(cache)
    (n_rows,) = connection.execute("SELECT count(*) FROM embeddings").fetchone()
    connection.close()
    return int(n_rows)


def worker(cache: Path, n_texts: int, seconds: float = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-m", "tests.estimators.cache_worker"]
    command += [str(cache), str(n_texts), str(seconds)]
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdout=pipe, stderr=pipe, text=True)


def test_clones_pickles_and_other_estimators_share_the_cache(
    cache: Path, encoded: list[int]
) -> None:
    embedder = DistilBertEmbedder(TINY, embedding_cache=cache).fit(TEXTS)
    first = embedder.transform(TEXTS)
    assert sum(encoded) == len(TEXTS)
    for other in (embedder, clone(embedder).fit(TEXTS), pickle.loads(pickle.dumps(embedder))):
        np.testing.assert_array_equal(other.transform(TEXTS[::-1]), first[::-1])
    unit = features(str(cache), normalize=True)  # computed from cached features
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-6)
    classifier = DistilBertClassifier(TINY, trainable_layers=0, embedding_cache=cache)
    classifier.fit(TEXTS, ["a", "b"] * 30).predict(TEXTS)
    assert sum(encoded) == len(TEXTS)
    np.testing.assert_allclose(first, features(None), atol=1e-5)


def test_equal_texts_are_encoded_once(cache: Path, encoded: list[int]) -> None:
    doubled = [text for text in TEXTS for _ in range(2)]
    np.testing.assert_array_equal(features(cache, doubled)[::2], features(cache))
    assert sum(encoded) == len(TEXTS)
    features(cache, [*TEXTS, "another"])
    assert encoded[-1] == 1


def test_embedding_cache_accepts_a_directory_or_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoded: list[int]
) -> None:
    features(tmp_path)
    assert (tmp_path / "embeddings.sqlite").is_file()
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    features(True)
    features(True)
    assert (tmp_path / "user" / "skdistilbert" / "embeddings.sqlite").is_file()
    assert sum(encoded) == 2 * len(TEXTS)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_encodes_each_text_once(cache: Path, tmp_path: Path, n_jobs: int) -> None:
    log = tmp_path / "log"
    pipeline = make_pipeline(
        CountingEmbedder(TINY, log=log, embedding_cache=cache),
        LogisticRegression(max_iter=2000),
    )
    grid = {"logisticregression__C": np.logspace(-3, 3, 10)}
    search = GridSearchCV(pipeline, grid, cv=5, n_jobs=n_jobs, error_score="raise")
    search.fit(TEXTS, ["a", "b"] * 30)
    assert sum(map(int, log.read_text().split())) == len(TEXTS)


class CountingEmbedder(DistilBertEmbedder):
    """Write the number of encoded texts, in any process, to a file."""

    def __init__(self, model: Path, *, log: Path, embedding_cache: Path) -> None:
        super().__init__(model, embedding_cache=embedding_cache)
        self.log = log

    def _features(self, *args: Any) -> np.ndarray:  # noqa: ANN401
        with on_encoding(self.note):
            return super()._features(*args)

    def note(self, n_texts: int) -> None:
        with self.log.open("a") as file:
            file.write(f"{n_texts}\n")


def test_four_processes_at_once_share_the_work(cache: Path) -> None:
    workers = [worker(cache, 100) for _ in range(4)]
    printed = []
    for each in workers:
        out, err = each.communicate(timeout=300)
        assert each.returncode == 0, err
        printed.append(out.split())
    assert sum(int(n) for lines in printed for n in lines[:-1]) == 100
    expected = np.abs(features(None, some_texts(100))).sum(dtype=float)
    np.testing.assert_allclose([float(lines[-1]) for lines in printed], expected, rtol=1e-5)


def test_a_file_that_another_process_locks_is_waited_for(cache: Path) -> None:
    other = sqlite3.connect(cache, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.2, other.execute, ["COMMIT"]).start()
    features(cache)
    other.close()
    assert rows(cache) == len(TEXTS)


def test_a_claim_made_while_another_process_waits_is_respected(cache: Path) -> None:
    EmbeddingStore(cache, 2**20).close()
    other = sqlite3.connect(cache, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(1) as pool:
        claimed = pool.submit(_claim, cache, [b"a"])
        time.sleep(0.1)
        until = time.time() + embedding_store.CLAIM_SECONDS
        other.execute("INSERT INTO claims VALUES (?, ?)", (b"b", until))
        other.execute("COMMIT")
        assert claimed.result() == [b"a"]
    other.close()
    assert _claim(cache, [b"a", b"b", b"c"]) == [b"c"]


def _claim(cache: Path, keys: list[bytes]) -> list[bytes]:
    store = EmbeddingStore(cache, 2**20)
    found, own = store.claim(keys)
    store.close()
    assert not found
    return own


def test_the_features_of_a_killed_process_are_kept(
    cache: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with worker(cache, 100, seconds=0.2) as process:
        assert process.stdout is not None
        assert all(process.stdout.readline() for _ in range(3))
        process.kill()
    n_kept = rows(cache)
    assert 0 < n_kept < 100
    # The killed process has claimed other texts; the claims expire after a minute.
    monkeypatch.setattr(embedding_store, "CLAIM_SECONDS", 0.5)
    texts = some_texts(100)
    np.testing.assert_allclose(features(cache, texts), features(None, texts), atol=1e-5)
    assert encoded == [100 - n_kept, 100]


def test_an_interrupted_call_keeps_its_features_and_releases_its_claims(
    cache: Path, encoded: list[int]
) -> None:
    with small_pieces(), on_encoding(_interrupt_at(3)), pytest.raises(KeyboardInterrupt):
        features(cache)
    n_kept = sum(encoded)
    assert 0 < n_kept < 60
    start = time.monotonic()
    features(cache)
    assert sum(encoded) == 60
    assert time.monotonic() - start < embedding_store.CLAIM_SECONDS / 10


def _interrupt_at(piece: int) -> Any:  # noqa: ANN401
    pieces: list[int] = []

    def note(n_texts: int) -> None:
        pieces.append(n_texts)
        if len(pieces) == piece:
            raise KeyboardInterrupt

    return note


def test_kills_at_any_moment_leave_a_valid_file(cache: Path) -> None:
    for milliseconds in (0, 20):
        with worker(cache, 2000, seconds=0.001) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            assert process.stdout.readline()  # the first piece is written
            time.sleep(milliseconds / 1000)
            process.kill()
    assert rows(cache) > 0
    connection = sqlite3.connect(cache)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def leave_a_header(file: Path) -> None:
    os.truncate(file, 100)


def overwrite(file: Path) -> None:
    file.write_bytes(b"no database at all" * 1000)


def make_other_tables(file: Path) -> None:
    file.unlink()
    execute(file, "CREATE TABLE embeddings (key, vector)")


def spoil_the_schema(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content.replace(b"claims (key", b"claims \xe6key"))  # not UTF-8


def change_a_number(file: Path) -> None:
    execute(file, "UPDATE embeddings SET vector = zeroblob(128) WHERE rowid = 7")


def cut_a_vector(file: Path) -> None:
    execute(file, "UPDATE embeddings SET vector = zeroblob(64) WHERE rowid = 7")


def exchange_rows(file: Path) -> None:
    execute(
        file,
        "UPDATE embeddings SET vector = (SELECT vector FROM embeddings WHERE rowid = 8), checksum "
        "= (SELECT checksum FROM embeddings WHERE rowid = 8) WHERE rowid = 7",
    )


def change_the_truncation(file: Path) -> None:
    execute(file, "UPDATE embeddings SET truncated = 1")


def execute(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        leave_a_header,
        overwrite,
        make_other_tables,
        spoil_the_schema,
        change_a_number,
        cut_a_vector,
        exchange_rows,
        change_the_truncation,
    ],
)
def test_a_damaged_file_is_set_aside(cache: Path, damage: Any) -> None:  # noqa: ANN401
    expected = features(cache)
    damage(cache)
    content = cache.read_bytes()
    with pytest.warns(
        RuntimeWarning, match="cannot be used: .* was renamed to cache.sqlite.damaged"
    ) as got:
        np.testing.assert_allclose(features(cache), expected, atol=1e-5)
    assert len(got) == 1
    assert cache.with_name("cache.sqlite.damaged").read_bytes() == content
    for _ in range(2):
        np.testing.assert_allclose(features(cache), expected, atol=1e-5)
    assert rows(cache) == len(TEXTS)


def test_an_empty_file_is_an_empty_cache(cache: Path) -> None:
    cache.touch()
    features(cache)
    assert rows(cache) == len(TEXTS)


def test_random_damage_never_causes_wrong_features(cache: Path) -> None:
    expected, whole = features(cache), cache.read_bytes()
    rng = np.random.default_rng(0)
    n_set_aside = 0
    for _ in range(100):
        content = np.frombuffer(whole, np.uint8).copy()
        start, size = rng.integers(len(content)), 2 ** rng.integers(12)
        content[start : start + size] = rng.integers(256, size=len(content[start : start + size]))
        cache.write_bytes(content.tobytes())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            np.testing.assert_allclose(features(cache), expected, atol=1e-5)
        assert {warning.category for warning in caught} <= {RuntimeWarning}
        n_set_aside += len(caught)
    assert n_set_aside > 30


def test_a_file_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.warns(RuntimeWarning, match="cannot be used"):
        result = features(tmp_path / "file" / "cache.sqlite")
    np.testing.assert_allclose(result, features(None), atol=1e-5)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_ignored(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.warns(RuntimeWarning, match="cannot be used"):
        features(tmp_path / "cache.sqlite")


def test_a_file_that_stays_locked_is_ignored(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = features(cache)
    monkeypatch.setattr(embedding_store, "BUSY_SECONDS", 0.05)
    connection = sqlite3.connect(cache, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.warns(RuntimeWarning, match="cannot be used: database is locked"):
        features(cache, [*TEXTS, "another"])
    connection.close()
    np.testing.assert_array_equal(features(cache), expected)


def test_the_least_recently_used_features_are_evicted(
    cache: Path, encoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKDISTILBERT_CACHE_MB", "0.2")
    now = time.time()
    used, unused, new = ([f"{name} {i}" for i in range(300)] for name in ("used", "unused", "new"))
    for hour, texts in enumerate([used, unused, used, new]):
        monkeypatch.setattr(time, "time", lambda hour=hour: now + 3601 * hour)
        features(cache, texts)
    assert cache.stat().st_size < 0.4 * 2**20
    assert 300 < rows(cache) < 900
    del encoded[:]
    features(cache, used[-100:])
    assert encoded == []
    features(cache, unused[:100])
    assert encoded == [100]


def test_a_limit_must_be_a_number(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKDISTILBERT_CACHE_MB", "much")
    message = "SKDISTILBERT_CACHE_MB must be a number of megabytes, such as 1024; got 'much'"
    with pytest.raises(ValueError, match=message):
        features(cache)


@pytest.mark.parametrize(
    "params",
    [
        {"pooling": "cls"},
        {"pooling": "max"},
        {"max_length": 3},
        {"prompt": "b"},
        {"layer": 1},
        {"layer": [1, -1]},
        {"max_length": 4, "long_text": "window"},
        {"max_length": 4, "long_text": "window", "stride": 1},
    ],
)
@pytest.mark.filterwarnings("ignore::skdistilbert.TruncationWarning")
def test_parameters_have_separate_entries(cache: Path, params: dict[str, Any]) -> None:
    plain = features(cache)
    other = features(cache, **params)
    np.testing.assert_allclose(other, features(None, **params), atol=1e-5)
    assert np.abs(other - plain).max() > 0.01


def test_the_key_covers_everything_that_affects_pooling() -> None:
    # The features depend only on these arguments of `pool_texts` ...
    parameters = ["encoder", "tokenizer", "texts", "plan", "n_threads"]
    assert list(inspect.signature(pool_texts).parameters) == parameters
    plan = plan_embedding(load_model(TINY), WordPieceTokenizer.from_pretrained(TINY), "mean")
    # ... and the key covers every field of the plan except those used after pooling.
    for name in EmbeddingPlan._fields:
        other = plan._replace(**{name: "another"})
        assert (other.pooling_key != plan.pooling_key) == (name not in ("after", "n_features"))


@pytest.mark.parametrize("cls", [DistilBertEmbedder, DistilBertClassifier, DistilBertRegressor])
def test_every_parameter_of_the_plan_is_passed_on(cls: Any) -> None:  # noqa: ANN401
    planned = set(inspect.signature(plan_embedding).parameters) - {"model", "tokenizer"}
    estimator = cls(TINY)
    assert set(estimator._embedding_parameters) == planned & set(estimator.get_params())


def test_the_parameters_of_the_embedder_are_those_of_embed() -> None:
    taken = set(inspect.signature(embed).parameters) - {"tokenizer", "texts"}
    assert taken <= set(DistilBertEmbedder(TINY).get_params())


def test_fine_tuned_weights_are_not_cached(cache: Path) -> None:
    classifier = DistilBertClassifier(
        TINY, trainable_layers=1, max_iter=1, random_state=0, embedding_cache=cache
    )
    tuned = classifier.fit(TEXTS, ["a", "b"] * 30).predict_proba(TEXTS)
    features(cache)
    DistilBertClassifier(TINY, max_iter=1, embedding_cache=cache).fit(TEXTS, ["a", "b"] * 30)
    np.testing.assert_array_equal(classifier.predict_proba(TEXTS), tuned)
    assert rows(cache) == len(TEXTS)


def test_a_regressor_uses_the_cache(cache: Path, encoded: list[int]) -> None:
    regressor = DistilBertRegressor(TINY, max_iter=2, random_state=0)
    plain = regressor.fit(TEXTS, range(60)).predict(TEXTS)
    assert sum(encoded) == 2 * len(TEXTS)
    regressor.set_params(embedding_cache=cache).fit(TEXTS, range(60))
    np.testing.assert_allclose(regressor.predict(TEXTS), plain, atol=1e-3)
    assert sum(encoded) == 3 * len(TEXTS)


@pytest.mark.filterwarnings("ignore:Most tokens of")
@pytest.mark.parametrize("file", ["model.safetensors", "vocab.txt", "tokenizer_config.json"])
def test_models_and_vocabularies_have_separate_entries(
    cache: Path, tmp_path: Path, file: str
) -> None:
    texts = [text.upper() for text in TEXTS]
    features(cache, texts)
    model = shutil.copytree(TINY, tmp_path / "model")
    if file == "vocab.txt":
        words = (model / file).read_text(encoding="utf-8").split("\n")
        first, second = words.index("a"), words.index("b")
        words[first], words[second] = words[second], words[first]
        (model / file).write_text("\n".join(words), encoding="utf-8")
        texts = ["a", *texts]
    elif file == "tokenizer_config.json":
        (model / file).write_text(json.dumps({"do_lower_case": False}))
    else:
        tiny = load_model(TINY)
        weights = {name: weight * np.float32(1.1) for name, weight in tiny.weights.items()}
        DistilBertModel(tiny.config, weights).save_pretrained(model)
    cached = DistilBertEmbedder(model, embedding_cache=cache).fit_transform(texts)
    expected = DistilBertEmbedder(model).fit_transform(texts)
    np.testing.assert_allclose(cached, expected, atol=1e-5)
    assert np.abs(expected - features(None, texts)).max() > 0.01


def test_cached_texts_cause_truncation_warnings(cache: Path) -> None:
    texts = ["a " * 300, *TEXTS, "b " * 300, "a " * 300]
    for _ in range(2):
        with pytest.warns(
            TruncationWarning,
            match=r"^3 of 63 texts were .* max_length=128 tokens \(rows 0, 61, 62\)",
        ) as caught:
            features(cache, texts)
        assert len(caught) == 1


@pytest.mark.parametrize("cached", [False, True])
def test_errors_name_the_row(cache: Path, cached: bool) -> None:
    features(cache, TEXTS[:10])
    with (
        small_pieces(),
        pytest.raises(ValueError, match="^Row 40: it holds (a|the) lone surrogate"),
    ):
        features(cache if cached else None, [*TEXTS[:40], "\ud800", *TEXTS])


@pytest.mark.parametrize("value", [3, 1.5, ["a"]])
def test_invalid_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="embedding_cache must be None, True .*; got "):
        features(value)
