"""A small hub on 127.0.0.1, for tests: the endpoints huggingface_hub uses to list and fetch models.

Serves folders as models: model info and tree, `resolve` with commit, ETag and ranges, large files behind a
redirect as the real hub does. It keeps a log, so a test can prove what was fetched and what was not. What is
uploaded, by whoever shows `TOKEN`, is kept in `uploaded`.

    with HubServer({"owner/name": folder}) as hub:
        run(..., env=hub.environment(home))
        assert hub.bytes_sent(".safetensors") < 200_000
"""

import hashlib
import json
import os
import threading
import time
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin")
TOKEN = "hf_test"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    range: str | None
    status: int
    sent: int


@dataclass
class HubServer:
    """`gated` models answer 403 for files, `private` ones need `TOKEN`, `broken` ones answer 500."""

    models: dict[str, Path]
    gated: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    busy: list[str] = field(default_factory=list)
    """The `Retry-After` of the next answers, all of them 503."""
    silent: str = ""
    """A part of the paths that what is posted to gets no answer."""
    drip: str = ""
    """Answers to paths with this part come a byte every tenth of a second."""
    ranges: bool = True
    log: list[Request] = field(default_factory=list)
    created: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploaded: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def __enter__(self) -> "HubServer":
        hub = self

        class Handler(_Handler):
            server_hub = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment(self, home: Path, **extra: str) -> dict[str, str]:
        """The environment of a process that is to use this hub and an empty cache in `home`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        return {**kept, "HF_ENDPOINT": self.url, "HF_HOME": str(home), **extra}

    def commit(self, model: str) -> str:
        names = "".join(f"{name}{size}" for name, size in self.files(model).items())
        return hashlib.sha1(names.encode()).hexdigest()

    def files(self, model: str) -> dict[str, int]:
        folder = self.models[model]
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}

    def bytes_sent(self, suffix: str) -> int:
        """How many bytes of files with this suffix were sent in all."""
        return sum(request.sent for request in self.log if request.path.endswith(suffix))


class _Handler(BaseHTTPRequestHandler):
    server_hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.server_hub.busy and self.path.startswith("/api/models/"):
            self._send(503, b"", {"Retry-After": self.server_hub.busy.pop(0)})
        else:
            self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlsplit(self.path).path.removeprefix("/api/")
        if self.server_hub.silent and self.server_hub.silent in path:
            time.sleep(30)
        elif path == "validate-yaml":
            self._json({"errors": [], "warnings": []})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._fail(401, "", message="Invalid username or password.")
        elif path == "repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            if asked["organization"] == "stranger":
                self._fail(
                    403, "", message="You don't have the rights to create a model under this namespace"
                )
                return
            self.server_hub.created[name] = asked
            self._json({"url": f"{self.server_hub.url}/{name}"})
        else:
            _, owner, name, verb, revision = path.split("/")
            self._upload(f"{owner}/{name}", verb, revision, body=body)

    def _upload(self, model: str, verb: str, revision: str, *, body: bytes) -> None:
        if revision != "main":
            self._fail(404, "RevisionNotFound")
        elif verb == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            self._json(
                {"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]}
            )
        else:
            lines = [json.loads(line) for line in body.splitlines()]
            self.server_hub.uploaded[model] = {
                line["value"]["path"]: b64decode(line["value"]["content"])
                for line in lines
                if line["key"] == "file"
            }
            self._json({"commitUrl": f"{self.server_hub.url}/{model}/commit/abc", "commitOid": "abc"})

    def _answer(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        api = parts[:2] == ["api", "models"]
        cdn = parts[0] == "cdn"
        rest = parts[2:] if api else parts[1:] if cdn else parts
        model, rest = "/".join(rest[:2]), rest[2:]
        if not self._allowed(model, file=not api):
            return
        if api:
            self._api(model, rest)
        elif cdn:
            self._file(model, "/".join(rest))
        elif rest[:1] == ["resolve"] and self._known(model, rest[1]):
            self._resolve(model, "/".join(rest[2:]))

    def _allowed(self, model: str, *, file: bool) -> bool:
        hub, token = self.server_hub, self.headers.get("Authorization")
        if token not in (None, f"Bearer {TOKEN}"):
            self._fail(401, "", message="Invalid credentials in Authorization header")
        elif model not in hub.models or (model in hub.private and token is None):
            self._fail(401, "RepoNotFound")
        elif model in hub.broken:
            self._fail(400, "")
        elif file and model in hub.gated:
            self._fail(403, "GatedRepo")
        else:
            return True
        return False

    def _known(self, model: str, revision: str) -> bool:
        if revision in ("main", self.server_hub.commit(model)):
            return True
        self._fail(404, "RevisionNotFound")
        return False

    def _api(self, model: str, rest: list[str]) -> None:
        hub = self.server_hub
        kind, revision = (rest[0], rest[1]) if len(rest) > 1 else ("revision", "main")
        if not self._known(model, revision):
            return
        files = hub.files(model)
        if kind == "tree":
            self._json([{"type": "file", "path": n, "size": s, "oid": _oid(n, s)} for n, s in files.items()])
        else:
            siblings = [{"rfilename": n, "size": s, "blobId": _oid(n, s)} for n, s in files.items()]
            self._json({"id": model, "modelId": model, "sha": hub.commit(model), "siblings": siblings})

    def _resolve(self, model: str, name: str) -> None:
        size = self.server_hub.files(model).get(name)
        if size is None:
            self._fail(404, "EntryNotFound")
        elif name.endswith(LARGE):
            oid = _oid(name, size) * 2
            headers = {"Location": f"/cdn/{model}/{name}", "X-Linked-Size": str(size)}
            self._send(302, b"", {**headers, **self._identity(model), "X-Linked-ETag": f'"{oid[:64]}"'})
        else:
            self._file(model, name)

    def _identity(self, model: str) -> dict[str, str]:
        return {"X-Repo-Commit": self.server_hub.commit(model)}

    def _file(self, model: str, name: str) -> None:
        path = self.server_hub.models[model] / name
        size = path.stat().st_size
        headers = {**self._identity(model), "ETag": f'"{_oid(name, size)}"', "Accept-Ranges": "bytes"}
        asked = self.headers.get("Range")
        first, last, status = 0, size - 1, 200
        if asked and self.server_hub.ranges:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first, last, status = int(begin), min(int(end or last), last), 206
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        with path.open("rb") as file:
            file.seek(first)
            self._send(status, file.read(last - first + 1), headers)

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _fail(self, status: int, code: str, *, message: str = "") -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": message})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        sent = 0 if self.command == "HEAD" else len(body)
        path = urlsplit(self.path).path
        self.server_hub.log.append(Request(self.command, path, self.headers.get("Range"), status, sent))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            # A client may leave as soon as it has what it wants.
            with suppress(ConnectionError):
                self._write(body, drips=bool(self.server_hub.drip) and self.server_hub.drip in path)

    def _write(self, body: bytes, *, drips: bool) -> None:
        step = 1 if drips else max(len(body), 1)
        for at in range(0, len(body), step):
            self.wfile.write(body[at : at + step])
            if drips:
                self.wfile.flush()
                time.sleep(0.1)


def _oid(name: str, size: int) -> str:
    return hashlib.sha1(f"{name}{size}".encode()).hexdigest()
