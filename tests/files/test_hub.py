"""Download with huggingface_hub from a local server; no network."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from skdistilbert import (
    CheckpointError,
    DistilBertClassifier,
    DistilBertConfig,
    DistilBertEmbedder,
    HubError,
    NonFiniteError,
    SkdistilbertError,
    TruncationWarning,
    WordPieceTokenizer,
    load_model,
)
from skdistilbert.files import hub_cache, locate_checkpoint
from tests.conftest import DATA
from tests.files.conftest import NAME
from tests.files.hub_server import Failure, Hub, files_of

if TYPE_CHECKING:
    from pathlib import Path

huggingface_hub = pytest.importorskip("huggingface_hub")
CLIENT = tuple(map(int, huggingface_hub.__version__.split(".")[:2]))

READ = {
    "config.json",
    "vocab.txt",
    "tokenizer_config.json",
    "modules.json",
    "1_Pooling/config.json",
    "model.safetensors",
}


def test_only_files_that_are_read_are_downloaded(hub: Hub, cache: Path) -> None:
    location = locate_checkpoint(NAME)
    assert location == (
        cache / "models--owner--tiny/snapshots" / hub.refs["main"],
        hub.refs["main"],
    )
    assert {path.removeprefix(f"{location.commit}/") for path in hub.downloaded()} == READ
    assert set(files_of(location.directory)) == READ
    # The weights come last, so that a cached model with weights is complete.
    assert hub.downloaded()[-1].endswith("/model.safetensors")


def test_a_cached_model_needs_neither_network_nor_client(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = locate_checkpoint(NAME)
    hub.requests.clear()
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as if it were not installed
    assert locate_checkpoint(NAME) == expected
    assert locate_checkpoint(f"{NAME}@{expected.commit}") == expected
    assert locate_checkpoint(f"{NAME}@main") == expected
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load_model(NAME).config.dim == 32
    assert WordPieceTokenizer.from_pretrained(NAME).tokenize("where") == ["where"]
    assert not hub.requests
    with pytest.raises(HubError, match=r"revision 'v2' is not completely .* Unset HF_"):
        locate_checkpoint(f"{NAME}@v2")


def test_the_configuration_is_read_without_the_weights(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert DistilBertConfig.from_pretrained(NAME).dim == 32
    assert not any("safetensors" in path for path in hub.downloaded())
    hub.requests.clear()
    assert DistilBertConfig.from_pretrained(f"{NAME}@{hub.refs['main']}").dim == 32
    assert not hub.requests
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="is not completely in the cache"):
        load_model(NAME)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert load_model(NAME).config.dim == 32


def test_the_full_name_of_a_bare_name_is_suggested(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    locate_checkpoint(NAME)
    suggestion = r"The cache has 'owner/tiny': use the full name\."
    with pytest.raises(HubError, match=suggestion):
        locate_checkpoint("tiny")
    with pytest.raises(HubError, match=r"'other'.*HF_HUB|'other' is neither") as error:
        locate_checkpoint("other")
    assert "The cache has" not in str(error.value)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match=suggestion):
        locate_checkpoint("tiny")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubError, match=suggestion):
        locate_checkpoint("tiny")
    assert hub.refs


def test_an_error_of_the_hub_is_an_os_error_but_no_checkpoint_error() -> None:
    assert issubclass(HubError, OSError)
    assert not issubclass(HubError, CheckpointError)
    for error in (CheckpointError, HubError, NonFiniteError):
        assert issubclass(error, SkdistilbertError)
        assert str(pickle.loads(pickle.dumps(error("a message")))) == "a message"


def test_a_fitted_estimator_keeps_its_commit(hub: Hub) -> None:
    texts = ["one text", "another"]
    embedder = DistilBertEmbedder(NAME)
    features = embedder.fit_transform(texts)
    first = embedder.revision_
    assert first == hub.refs["main"]
    stored = pickle.dumps(embedder)
    newer = files_of(DATA / "distilbert-tiny-masked-lm")
    second = hub.commit(newer)
    # Downloading a commit does not move the cached branch.
    assert DistilBertEmbedder(f"{NAME}@{second}").fit(texts).revision_ == second
    assert DistilBertEmbedder(NAME).fit(texts).revision_ == first
    (hub_cache.cache_directory() / "models--owner--tiny/refs/main").write_text(second)
    assert DistilBertEmbedder(NAME).fit(texts).revision_ == second
    again = pickle.loads(stored)
    assert (again.transform(texts) == features).all()
    assert again.revision_ == first


def test_a_fine_tuned_classifier_from_the_hub(hub: Hub) -> None:
    hub.commit(files_of(DATA / "distilbert-tiny-sequence-classification"))
    classifier = DistilBertClassifier.from_pretrained(NAME)
    assert classifier.revision_ == hub.refs["main"]
    assert set(classifier.predict(["one text"])) <= {"angry", "neutral", "pleased"}


def test_shards(hub: Hub) -> None:
    files = files_of(DATA / "distilbert-tiny")
    content = files.pop("model.safetensors")
    shard = "model-00001-of-00001.safetensors"
    index = {"weight_map": {"embeddings.LayerNorm.bias": shard}}
    hub.commit(files | {"model.safetensors.index.json": json.dumps(index).encode()})
    with pytest.raises(CheckpointError, match="has no model.safetensors on the hub, or not all"):
        load_model(NAME)
    hub.commit(
        files | {"model.safetensors.index.json": json.dumps(index).encode(), shard: content}
    )
    assert load_model(NAME).config.dim == 32


def test_modules_in_other_directories_are_downloaded(hub: Hub) -> None:
    stored = dict(np.load(DATA / "sentence-transformers.npz"))
    for case, encoder in (("0_Transformer", "0_Transformer/"), ("nested", "")):
        files = {encoder + n: c for n, c in files_of(DATA / "distilbert-tiny").items()}
        files |= {
            name.removeprefix(f"{case}:"): content.tobytes()
            for name, content in stored.items()
            if name.startswith(f"{case}:") and not name.endswith(":embeddings")
        }
        commit = hub.commit(files | {"README.md": b"", f"{encoder}onnx/model.onnx": b""})
        name = f"{NAME}@{commit}"
        assert DistilBertConfig.from_pretrained(name).dim == 32
        with pytest.warns(TruncationWarning):
            features = DistilBertEmbedder(name).fit_transform(stored["texts"].tolist())
        np.testing.assert_allclose(features, stored[f"{case}:embeddings"], atol=1e-5)
        assert set(files_of(locate_checkpoint(name).directory)) == set(files)
        if encoder:  # later, the weights are already in the cache
            assert hub.downloaded()[-1] == f"{commit}/{encoder}model.safetensors"


def test_an_adapter_is_refused_before_downloading_weights(hub: Hub) -> None:
    hub.commit({"adapter_config.json": b"{}", "adapter_model.safetensors": b"weights"})
    with pytest.raises(CheckpointError, match=r"^owner/tiny has adapter_config.json: .*LoRA"):
        load_model(NAME)
    assert not any("safetensors" in path for path in hub.downloaded())


@pytest.mark.skipif(CLIENT < (1,), reason="older clients give up; the next call resumes")
def test_a_cut_connection_is_resumed(hub: Hub) -> None:
    hub.cut_after = 1000
    directory = locate_checkpoint(NAME).directory
    expected = DATA / "distilbert-tiny/model.safetensors"
    assert (directory / "model.safetensors").read_bytes() == expected.read_bytes()
    assert hub.downloaded().count(f"{hub.refs['main']}/model.safetensors") == 2


@pytest.mark.usefixtures("hub")
def test_an_interrupted_download_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = locate_checkpoint(NAME).directory
    (directory / "model.safetensors").unlink()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="Unset HF_HUB_OFFLINE to download it"):
        locate_checkpoint(NAME)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert locate_checkpoint(NAME).directory == directory
    assert (directory / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            Failure(401, "RepoNotFound"),
            r"neither a directory nor a model on .* log in with",
        ),
        (Failure(401), "neither a directory nor a model"),
        (Failure(404, "RepoNotFound"), "neither a directory nor a model"),
        (Failure(403, "GatedRepo"), r"is gated: accept its conditions at http.*/owner/tiny"),
        (
            Failure(404, "RevisionNotFound"),
            r"has no revision 'main': see http.*/owner/tiny/",
        ),
        (Failure(429), r"refuses further requests for now \(429\): wait some minutes, or log in"),
        (Failure(429, "", {"Retry-After": "3600"}), "wait some minutes"),
        (Failure(500), r"failed to deliver owner/tiny \(status 500\): try again later"),
        (Failure(503), "status 503"),
    ],
)
@pytest.mark.parametrize("of", ["everything", "files"])
def test_failures_say_what_to_do(hub: Hub, failure: Failure, message: str, of: str) -> None:
    if of == "everything":
        hub.failure = failure
    else:
        hub.failure_of_files = failure
    with pytest.raises(HubError, match=message) as error:
        load_model(NAME)
    assert "\n" not in str(error.value)
    hub.failure = hub.failure_of_files = None
    assert load_model(NAME).config.dim == 32


@pytest.mark.usefixtures("hub")
def test_an_unreachable_server_raises_hub_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # discard
    with pytest.raises(HubError, match="check the connection, the proxy and HF_ENDPOINT"):
        load_model(NAME)


@pytest.mark.usefixtures("hub")
def test_an_unknown_name() -> None:
    with pytest.raises(HubError, match="'owner/other' is neither a directory nor a model"):
        load_model("owner/other")


def test_a_damaged_file_is_removed_and_fetched_again(hub: Hub, cache: Path) -> None:
    hub.damage = True
    with pytest.raises(HubError, match=r"model\.safetensors was damaged .* Try again\."):
        load_model(NAME)
    assert not list(cache.rglob("*.safetensors"))
    hub.damage = False
    assert load_model(NAME).config.dim == 32


def test_other_architectures_are_refused_before_downloading_weights(hub: Hub) -> None:
    files = files_of(DATA / "distilbert-tiny") | {"config.json": b'{"model_type": "llama"}'}
    hub.commit(files)
    with pytest.raises(CheckpointError, match=r"owner/tiny: model_type must be .* got 'llama'"):
        load_model(NAME)
    assert not any("model.safetensors" in path for path in hub.downloaded())


def test_a_repository_with_only_pickles_is_refused(hub: Hub) -> None:
    files = files_of(DATA / "distilbert-tiny") | {"pytorch_model.bin": b"a pickle"}
    del files["model.safetensors"]
    hub.commit(files)
    with pytest.raises(CheckpointError, match=r"never; convert it once, .*'owner/tiny'\)\.save_p"):
        load_model(NAME)
    assert not any("pytorch_model" in path for path in hub.downloaded())


def test_the_token_is_used_but_not_pickled(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    embedder = DistilBertEmbedder(NAME).fit(["one text"])
    assert set(hub.tokens) == {"Bearer hf_secret"}
    assert b"hf_secret" not in pickle.dumps(embedder)
    assert "hf_secret" not in repr(embedder)


def test_offline_without_a_cache(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubError, match="Unset HF_HUB_OFFLINE to download it, or give"):
        load_model(NAME)
    assert not hub.requests


def test_a_missing_client_raises_hub_error(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(HubError, match=r'pip install "skdistilbert\[hub\]"'):
        load_model(NAME)
    assert not hub.requests


def test_two_processes_at_once(hub: Hub) -> None:
    script = f"from skdistilbert import load_model; print(load_model({NAME!r}).config.dim)"
    command = [sys.executable, "-c", script]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        out, err = process.communicate(timeout=100)
        assert out.strip() == "32", err
    assert hub.requests


@pytest.mark.parametrize(
    "name", ["", "/a", "a/b/c", "../a", "a/..", "./a", "a--b", "a b", "ä/b", "a\0", "a" * 9999]
)
def test_invalid_names_are_refused(name: str) -> None:
    with pytest.raises(CheckpointError, match="is not a directory. Give the path"):
        locate_checkpoint(name)


@pytest.mark.parametrize("revision", ["../../x", "/etc", "a b", "", "a@b"])
def test_invalid_revisions_are_refused(revision: str) -> None:
    with pytest.raises(CheckpointError, match="must have a branch, a tag or a commit after the"):
        locate_checkpoint(f"{NAME}@{revision}")


def test_a_directory_may_have_an_at_sign(tiny: Path, tmp_path: Path) -> None:
    directory = shutil.copytree(tiny, tmp_path / "tiny@2")
    assert locate_checkpoint(str(directory)) == (directory, None)


def test_model_none_raises_type_error() -> None:
    with pytest.raises(TypeError, match=r"model must be the path .* got None"):
        locate_checkpoint(None)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HUGGINGFACE_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({"HF_HOME": "~/x"}, "/home/me/x/hub"),
        ({"HF_HUB_CACHE": "$HOME/y"}, "/home/me/y"),
        ({}, "/home/me/.cache/huggingface/hub"),
    ],
)
def test_the_cache_directory_equals_the_clients(variables: dict[str, str], expected: str) -> None:
    """Compare with the client in a new process, because it reads the environment on import."""
    code = (
        "from huggingface_hub import constants; from skdistilbert.files import hub_cache;"
        "print(constants.HF_HUB_CACHE, hub_cache.cache_directory(), sep='\\n')"
    )
    paths = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    environment = {"HOME": "/home/me", "USERPROFILE": "/home/me"} | paths | variables
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [expected, expected]
