"""An OpenAI-compatible endpoint on loopback, for tests: no network, no model, any kind of misbehaviour."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

Reply = Callable[[http.server.BaseHTTPRequestHandler, dict[str, Any]], None]


class Server:
    """Answers with its replies, one for each request; after the last one it repeats it."""

    def __init__(self) -> None:
        """Listen on a free port."""
        self.replies: list[Reply] = [say("food")]
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.keys.append(self.headers.get("Authorization"))
                reply = outer.replies.pop(0) if len(outer.replies) > 1 else outer.replies[0]
                reply(self, body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()
        self.source = f"api://127.0.0.1:{self.http.server_address[1]}/v1/org/small"

    def close(self) -> None:
        """Stop listening."""
        self.http.shutdown()
        self.http.server_close()


def send(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Send an answer as it stands."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def say(text: str, read: int = 100, written: int = 10) -> Reply:
    """A completion, with its usage."""
    return complete(text, read=read, written=written)


def complete(content: Any, finish: str = "stop", read: int = 100, written: int = 10, **message: Any) -> Reply:
    """A completion with any content, reason to finish, and further keys of the message."""
    choice = {"finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    body = {"choices": [choice], "usage": {"prompt_tokens": read, "completion_tokens": written}}
    return give(body)


def give(body: Any, status: int = 200) -> Reply:
    """JSON of any shape."""
    return lambda handler, _: send(handler, status, json.dumps(body).encode())


def choose(reply: Callable[[dict[str, Any]], Reply]) -> Reply:
    """The reply that a function gives for the request's body."""
    return lambda handler, body: reply(body)(handler, body)


def fail(status: int, message: str = "no", **headers: str) -> Reply:
    """An error with the server's message."""
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda handler, _: send(handler, status, body, **headers)


def write(content: bytes) -> Reply:
    """Bytes as they are, HTTP or not; the connection ends behind them."""

    def reply(handler: http.server.BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        handler.wfile.write(content)
        handler.close_connection = True

    return reply


def drip(begins: bytes, seconds: float) -> Reply:
    """The beginning at once, then a byte every ``seconds`` for as long as the client listens."""

    def reply(handler: http.server.BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
        handler.close_connection = True
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(begins)
            while True:
                threading.Event().wait(seconds)
                handler.wfile.write(b" ")

    return reply


def cut(handler: http.server.BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    """An answer that breaks off."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True
