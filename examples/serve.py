"""Serve labels and embeddings over HTTP.

    python examples/serve.py [--model MODEL] [--port PORT]
    curl localhost:8000/classify --json '{"texts": ["Where is my parcel?"]}'

Needs FastAPI and uvicorn (extra ``examples``). The service loads the model once. While the model
computes, new requests wait, and all waiting requests form the next batch, which changes an
embedding by less than 1e-5. Requests that are too long have the status 413 or 422. If too many
requests wait, the next one has the status 503. After SIGTERM or Ctrl-C the service accepts no more
connections, answers the open requests and ends.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Annotated

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from quickstart import read_requests
from sklearn.linear_model import LogisticRegression
from starlette.requests import ClientDisconnect

from skdistilbert import DistilBertEmbedder

Embed = Callable[[list[str]], np.ndarray]

MAX_BYTES = 1_000_000  # of a request
MAX_TEXTS = 64  # of a request
MAX_CHARACTERS = 10_000  # of a text
MAX_WAITING = 64  # requests
MAX_BATCH = 256  # texts; a batch ends with the request that reaches this number


class Texts(BaseModel):
    """Body of each request."""

    texts: list[Annotated[str, Field(max_length=MAX_CHARACTERS)]] = Field(
        min_length=1, max_length=MAX_TEXTS
    )


class Batcher:
    """Embed the texts of waiting requests together."""

    def __init__(self, embed: Embed, max_batch: int) -> None:
        self._embed, self._max_batch = embed, max_batch
        self._waiting: asyncio.Queue[tuple[list[str], asyncio.Future[np.ndarray]]]
        self._waiting = asyncio.Queue(MAX_WAITING)

    async def embed(self, texts: list[str]) -> np.ndarray:
        """Return the embeddings of one request, or raise the status 503."""
        result: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((texts, result))
        except asyncio.QueueFull:
            message = f"{MAX_WAITING} requests are waiting. Try again later."
            raise HTTPException(503, message, {"Retry-After": "1"}) from None
        return await asyncio.shield(result)  # a client that leaves must not cancel the future

    async def run(self) -> None:
        """Embed one batch after another, in another thread."""
        while True:
            batch = [await self._waiting.get()]
            n_texts = len(batch[0][0])
            while n_texts < self._max_batch and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
                n_texts += len(batch[-1][0])
            joined = [text for texts, _ in batch for text in texts]
            try:
                rows = await asyncio.to_thread(self._embed, joined)
            except Exception as error:  # each request of the batch has the status 500
                for _, result in batch:
                    result.set_exception(error)
                continue
            for texts, result in batch:
                result.set_result(rows[: len(texts)])
                rows = rows[len(texts) :]


def make_app(embed: Embed, head: LogisticRegression, max_batch: int = MAX_BATCH) -> FastAPI:
    """Return the service for a function that embeds texts, and a fitted classifier."""
    batcher = Batcher(embed, max_batch)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(batcher.run())
        yield
        task.cancel()

    app = FastAPI(
        title="skdistilbert",
        lifespan=lifespan,
        exception_handlers={RequestValidationError: explain},
    )
    app.middleware("http")(limit_bytes)

    @app.post("/embed")
    async def embed_texts(request: Texts) -> dict[str, list[list[float]]]:
        return {"embeddings": (await batcher.embed(request.texts)).tolist()}

    @app.post("/classify")
    async def classify_texts(request: Texts) -> dict[str, list[str] | list[float]]:
        probabilities = head.predict_proba(await batcher.embed(request.texts))
        labels = head.classes_[probabilities.argmax(axis=1)]
        return {"labels": labels.tolist(), "scores": probabilities.max(axis=1).tolist()}

    return app


async def limit_bytes(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Return the status 413 if a request is too long, and 411 if its length is unknown."""
    length = request.headers.get("Content-Length")
    is_chunked = "Transfer-Encoding" in request.headers  # then Content-Length has no effect
    if is_chunked or (length is None and request.method == "POST"):
        return Response("Send the header Content-Length without Transfer-Encoding.", 411)
    if int(length or 0) > MAX_BYTES:
        with suppress(ClientDisconnect):
            async for _ in request.stream():  # a client reads the answer after it has sent all
                pass
        return Response(f"A request has at most {MAX_BYTES:,} bytes.", 413)
    return await call_next(request)


async def explain(_: Request, error: RequestValidationError) -> JSONResponse:
    """Return the status 422 without the texts, which may be long or not valid."""
    problems = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return JSONResponse({"detail": problems}, 422)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="mini", help="a directory, or a name on the hub (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8000, help="0 selects a free port")
    options = parser.parse_args()
    texts, intents = read_requests()
    embedder = DistilBertEmbedder(options.model, normalize=True, long_text="window")
    head = LogisticRegression(C=10).fit(embedder.fit_transform(texts), intents)
    uvicorn.run(make_app(embedder.transform, head), port=options.port)


if __name__ == "__main__":
    main()
