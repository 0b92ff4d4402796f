"""A hub on the loopback interface that lists many models by metadata and serves one folder's files for each of them."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

COMMIT = "c" * 40


@dataclass(slots=True)
class LoopbackHub:
    """What it lists and serves, what it was asked, and how it misbehaves."""

    folder: Path
    """Files that every model has."""
    entries: list[dict[str, Any]]
    """As the Hub's ``/api/models`` gives them; see ``entry``."""
    fault: str = ""
    """``silent`` answers nothing for ``delay`` seconds, ``short`` and ``long`` send other sizes than listed, ``other``
    another file, ``larger`` lists larger weights than the metadata say, ``broken`` answers 500."""
    delay: float = 2.0
    asked: list[str] = field(default_factory=list)
    sent_bytes: int = 0
    address: str = ""

    def files(self) -> dict[str, bytes]:
        """Name -> content."""
        paths = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def entry(name: str, parameters: int, **others: Any) -> dict[str, Any]:
    """A BERT-shaped English encoder with a permissive licence, as a hub lists it; ``others`` replace keys."""
    return {
        "id": name,
        "sha": COMMIT,
        "gated": False,
        "config": {"model_type": "bert"},
        "safetensors": {"parameters": {"F32": parameters}, "total": parameters},
        "cardData": {"license": "apache-2.0", "language": ["en"]},
        "siblings": [{"rfilename": file} for file in ("config.json", "model.safetensors", "tokenizer.json")],
    } | others


@contextmanager
def serving(hub: LoopbackHub) -> Iterator[LoopbackHub]:
    """The hub at ``hub.address`` while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            _answer(self, hub)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


def _answer(handler: BaseHTTPRequestHandler, hub: LoopbackHub) -> None:
    url = urlsplit(handler.path)
    hub.asked.append(url.path)
    parts = url.path.strip("/").split("/")
    if hub.fault == "silent":
        time.sleep(hub.delay)
        return
    if hub.fault == "broken":
        _send(handler, hub, b"{}", status=500)
    elif parts == ["api", "models"]:
        _send_page(handler, hub, parse_qs(url.query))
    elif parts[:2] == ["api", "models"]:
        matches = [model for model in hub.entries if model["id"] == "/".join(parts[2:4])]
        if matches:
            _send(handler, hub, json.dumps(matches[0] | ({"siblings": _blobs(hub)} if len(parts) > 4 else {})).encode())
        else:
            _send(handler, hub, b"{}", status=404)
    else:
        content = hub.files()["/".join(parts[4:])]
        if hub.fault == "other" and parts[-1] == "model.safetensors":
            content = content[:-1] + bytes([content[-1] ^ 1])
        changed = {"short": content[:-1], "long": content + b"more"}
        _send(handler, hub, changed.get(hub.fault, content))


def _blobs(hub: LoopbackHub) -> list[dict[str, Any]]:
    more = 10**9 if hub.fault == "larger" else 0
    return [
        {"rfilename": name, "size": len(content) + (more if name.endswith(".safetensors") else 0)}
        | ({"lfs": {"sha256": hashlib.sha256(content).hexdigest()}} if name.endswith(".safetensors") else {})
        for name, content in hub.files().items()
    ]


def _send_page(handler: BaseHTTPRequestHandler, hub: LoopbackHub, query: dict[str, list[str]]) -> None:
    begin, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
    page = hub.entries[begin : begin + limit]
    following = urlencode({**query, "cursor": [str(begin + limit)]}, doseq=True)
    link = f'<{hub.address}/api/models?{following}>; rel="next"' if begin + limit < len(hub.entries) else ""
    _send(handler, hub, json.dumps(page).encode(), link=link)


def _send(
    handler: BaseHTTPRequestHandler, hub: LoopbackHub, content: bytes, *, status: int = 200, link: str = ""
) -> None:
    handler.send_response(status)
    if link:
        handler.send_header("Link", link)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)
    hub.sent_bytes += len(content)
