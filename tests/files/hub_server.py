"""A local server with the part of the Hugging Face hub's API that a download needs.

It lists and serves a repository's files with the hub's headers, byte ranges and errors. Tests can
make it fail.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGE = (".safetensors", ".bin")  # kept as Git LFS objects, which are named by their SHA-256


class Failure(NamedTuple):
    """An error that the hub returns for every request."""

    status: int
    code: str = ""
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class Hub(ThreadingHTTPServer):
    """The hub, with one model in two commits."""

    daemon_threads = True

    def __init__(self, repo_id: str, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo_id = repo_id
        self.commits: dict[str, dict[str, bytes]] = {}
        self.refs: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.tokens: list[str | None] = []
        self.failure: Failure | None = None
        self.failure_of_files: Failure | None = None
        self.cut_after: int | None = (
            None  # close the connection of the next large file after this number of bytes
        )
        self.stop_after: int | None = (
            None  # pause the transfer of a large file after this number of bytes
        )
        self.stopped, self.proceed = threading.Event(), threading.Event()
        self.damage = False  # change a byte of every large file
        self.commit(files)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def commit(self, files: dict[str, bytes]) -> str:
        name = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[name] = files
        self.refs["main"] = name
        return name

    def downloaded(self) -> list[str]:
        return [path.split("/resolve/")[1] for method, path in self.requests if "GET /" in method]


def blob_name(name: str, content: bytes) -> str:
    if name.endswith(LARGE):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        kind = "GET /" if "/resolve/" in path and self.command == "GET" else self.command
        self.server.requests.append((kind, path))
        self.server.tokens.append(self.headers.get("Authorization"))
        if self.server.failure:
            return self._fail(self.server.failure)
        if path.startswith("/api/models/"):
            return self._answer_api(path.removeprefix("/api/models/"))
        return self._answer_file(path)

    def _answer_api(self, path: str) -> None:
        match = re.fullmatch(r"(.+?)(?:/(revision|tree)/(.+))?", path)
        assert match is not None
        repo_id, kind, revision = match.groups(default="main")
        files = self._files(repo_id, revision)
        if files is None:
            return None
        if kind == "tree":
            return self._send_json([_tree_entry(*file) for file in files.items()])
        siblings = [{"rfilename": name} for name in files]
        commit = self.server.refs.get(revision, revision)
        return self._send_json({"id": repo_id, "sha": commit, "siblings": siblings})

    def _files(self, repo_id: str, revision: str) -> dict[str, bytes] | None:
        if repo_id != self.server.repo_id:
            self._fail(Failure(401, "RepoNotFound"))
            return None
        files = self.server.commits.get(self.server.refs.get(revision, revision))
        if files is None:
            self._fail(Failure(404, "RevisionNotFound"))
        return files

    def _answer_file(self, path: str) -> None:
        match = re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path)
        assert match is not None
        repo_id, revision, name = match.groups()
        files = self._files(repo_id, revision)
        if files is None:
            return None
        if name not in files:
            return self._fail(Failure(404, "EntryNotFound"))
        if self.server.failure_of_files:
            return self._fail(self.server.failure_of_files)
        return self._send_file(name, files[name], self.server.refs.get(revision, revision))

    def _send_file(self, name: str, content: bytes, commit: str) -> None:
        headers = {"ETag": f'"{blob_name(name, content)}"', "X-Repo-Commit": commit}
        if name.endswith(LARGE):
            headers |= {"X-Linked-Etag": headers["ETag"], "X-Linked-Size": str(len(content))}
            if self.server.damage:
                content = content[:-1] + bytes([content[-1] ^ 1])
        start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or "00")[1])
        headers |= {"Accept-Ranges": "bytes", "Content-Length": str(len(content) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._send(206 if start else 200, headers)
        if self.command == "GET":
            self._send_content(content[start:], name)

    def _send_content(self, content: bytes, name: str) -> None:
        cut, large = self.server.cut_after, name.endswith(LARGE)
        if cut is not None and large:
            self.server.cut_after = None
            content, self.close_connection = content[:cut], True
        if self.server.stop_after is not None and large:
            self.wfile.write(content[: self.server.stop_after])
            self.server.stopped.set()
            self.server.proceed.wait()
            self.close_connection = True
            return
        self.wfile.write(content)

    def _send_json(self, value: Any) -> None:  # noqa: ANN401
        content = json.dumps(value).encode()
        length = str(len(content))
        self._send(200, {"Content-Type": "application/json", "Content-Length": length})
        self.wfile.write(content)

    def _fail(self, failure: Failure) -> None:
        headers = {"X-Error-Code": failure.code} if failure.code else {}
        self._send(failure.status, headers | failure.headers | {"Content-Length": "0"})

    def _send(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _tree_entry(name: str, content: bytes) -> dict[str, Any]:
    oid, size = blob_name(name, content), len(content)
    entry = {"type": "file", "path": name, "oid": oid, "size": size}
    if not name.endswith(LARGE):
        return entry
    return entry | {"oid": oid[:40], "lfs": {"oid": oid, "size": size, "pointerSize": 134}}


def files_of(directory: Path) -> dict[str, bytes]:
    files = (file for file in directory.rglob("*") if file.is_file())
    return {file.relative_to(directory).as_posix(): file.read_bytes() for file in files}


@contextmanager
def serve(repo_id: str, files: dict[str, bytes]) -> Iterator[Hub]:
    with Hub(repo_id, files) as hub:
        thread = threading.Thread(target=hub.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
