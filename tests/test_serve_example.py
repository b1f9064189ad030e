"""The service of examples/serve.py: limits, concurrent clients and shutdown."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from skdistilbert import DistilBertEmbedder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

EXAMPLES = Path(__file__).parents[1] / "examples"
TEXTS = [f"Where is parcel {index}, and was I charged {'twice ' * index}?" for index in range(24)]

fastapi = pytest.importorskip("fastapi", reason="the extra examples is not installed")
pytest.importorskip("uvicorn", reason="the extra examples is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", str(EXAMPLES / "serve.py"), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def port(server: subprocess.Popen[str]) -> int:
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
            # The log must be read, or the server waits for space in the pipe.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return int(found[1])
    raise AssertionError("the server has ended")


def connect(port: int) -> closing[HTTPConnection]:
    return closing(HTTPConnection("127.0.0.1", port, timeout=300))


def send(connection: HTTPConnection, path: str, body: object) -> None:
    headers = {"Content-Type": "application/json"}
    connection.request("POST", path, json.dumps(body), headers)


def receive(connection: HTTPConnection) -> tuple[int, Any]:
    response = connection.getresponse()
    content = response.read()
    return response.status, json.loads(content) if content.startswith(b"{") else content


def post(port: int, path: str, body: object) -> tuple[int, Any]:
    with connect(port) as connection:
        send(connection, path, body)
        return receive(connection)


def embeddings(port: int, texts: list[str]) -> np.ndarray:
    status, answer = post(port, "/embed", {"texts": texts})
    assert status == 200, answer
    return np.array(answer["embeddings"])


def test_texts_are_labelled_and_embedded(port: int) -> None:
    texts = ["Where is my parcel?", "Why was I charged twice?"]
    status, answer = post(port, "/classify", {"texts": texts})
    assert status == 200
    assert answer["labels"] == ["delivery", "billing"]
    assert all(0.5 < score < 1 for score in answer["scores"])
    expected = DistilBertEmbedder(normalize=True).transform(texts)
    np.testing.assert_allclose(embeddings(port, texts), expected, atol=1e-5)


def test_concurrent_clients_get_the_results_of_a_single_client(port: int) -> None:
    parts = [TEXTS[start : start + 3] for start in range(0, 24, 3)]
    alone = [embeddings(port, part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        together = [*pool.map(embeddings, [port] * 40, parts * 5)]
    for expected, result in zip(alone * 5, together, strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"texts": []}, "body.texts: List should have at least 1 item"),
        ({"texts": ["a"] * 65}, "body.texts: List should have at most 64 items"),
        ({"texts": ["a", "a" * 10_001]}, "body.texts.1: String should have at most 10000 char"),
        ({"texts": ["\ud800"]}, "body.texts.0: Input should be a valid string"),
        ({"text": ["a"]}, "body.texts: Field required"),
    ],
)
def test_input_that_is_not_valid(port: int, body: object, message: str) -> None:
    status, answer = post(port, "/classify", body)
    assert status == 422
    assert answer["detail"][0].startswith(message)
    assert len(str(answer)) < 200


def test_a_long_body_is_rejected(port: int) -> None:
    status, answer = post(port, "/embed", {"texts": ["a" * 100_000] * 20})
    assert (status, answer) == (413, b"A request has at most 1,000,000 bytes.")


def test_a_body_without_length_is_rejected(port: int) -> None:
    with connect(port) as connection:
        connection.request("POST", "/embed", iter([b"{}"]), encode_chunked=True)
        assert receive(connection)[0] == 411


def test_a_length_of_a_chunked_body_has_no_effect(port: int) -> None:
    with connect(port) as connection:
        headers = {"Content-Length": "2", "Transfer-Encoding": "chunked"}
        connection.request("POST", "/embed", iter([b"{}"]), headers, encode_chunked=True)
        assert receive(connection)[0] == 411


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGTERM")
def test_open_requests_are_answered_after_sigterm(
    port: int, server: subprocess.Popen[str]
) -> None:
    with connect(port) as first, connect(port) as second:
        for connection in (first, second):
            send(connection, "/embed", {"texts": ["word " * 500] * 8})
        assert post(port, "/embed", {})[0] == 422  # the server has read the requests before
        server.send_signal(signal.SIGTERM)
        for connection in (first, second):
            status, answer = receive(connection)
            assert status == 200
            assert np.shape(answer["embeddings"]) == (8, 192)
    assert server.wait(60) in (0, -signal.SIGTERM)
    with pytest.raises(ConnectionRefusedError), connect(port) as late:
        late.connect()


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import serve

    return serve


def test_a_full_queue_rejects_requests(serve: ModuleType) -> None:
    is_released = threading.Event()

    def embed(texts: list[str]) -> np.ndarray:
        is_released.wait(60)
        return np.arange(len(texts))

    async def check() -> None:
        batcher = serve.Batcher(embed, max_batch=4)
        worker = asyncio.create_task(batcher.run())
        first = asyncio.create_task(batcher.embed(["a", "b"]))
        await asyncio.sleep(0.1)  # the first request is computed; the others wait
        waiting = [asyncio.create_task(batcher.embed(["a"])) for _ in range(serve.MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(fastapi.HTTPException, match="64 requests are waiting") as caught:
            await batcher.embed(["one more"])
        assert caught.value.status_code == 503
        is_released.set()
        assert (await first).tolist() == [0, 1]
        assert [int(rows[0]) for rows in await asyncio.gather(*waiting)] == [0, 1, 2, 3] * 16
        worker.cancel()

    asyncio.run(check())


def test_an_error_fails_one_batch_only(serve: ModuleType) -> None:
    def embed(texts: list[str]) -> np.ndarray:
        return np.array([int(text) for text in texts])

    async def check() -> None:
        batcher = serve.Batcher(embed, max_batch=1)
        worker = asyncio.create_task(batcher.run())
        with pytest.raises(ValueError, match="invalid literal"):
            await batcher.embed(["one"])
        assert (await batcher.embed(["1"])).tolist() == [1]
        worker.cancel()

    asyncio.run(check())


def test_a_client_may_leave_before_it_has_sent_a_long_body(serve: ModuleType) -> None:
    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    headers = [(b"content-length", b"2000000")]
    request = fastapi.Request({"type": "http", "method": "POST", "headers": headers}, receive)
    assert asyncio.run(serve.limit_bytes(request, None)).status_code == 413


def test_a_client_that_leaves_does_not_stop_the_service(serve: ModuleType) -> None:
    is_released = threading.Event()

    def embed(texts: list[str]) -> np.ndarray:
        is_released.wait(60)
        return np.arange(len(texts))

    async def check() -> None:
        batcher = serve.Batcher(embed, max_batch=4)
        worker = asyncio.create_task(batcher.run())
        leaving = asyncio.create_task(batcher.embed(["a"]))
        await asyncio.sleep(0.1)
        leaving.cancel()
        is_released.set()
        assert (await asyncio.wait_for(batcher.embed(["a", "b"]), 60)).tolist() == [0, 1]
        worker.cancel()

    asyncio.run(check())
