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
        self.paths: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.paths.append(self.path)
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
    """Send an answer unchanged."""
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


def decide(probabilities: Callable[[str, str], float], read: int = 50) -> Reply:
    """A decision endpoint of either protocol: the probability of an option of a text (normalised over the options)."""

    def reply(body: dict[str, Any]) -> Reply:
        usage = {"input_tokens": read, "output_tokens": 0}
        if "state" in body:
            answers: Any = {
                name: _system_one(body["state"], question, probabilities)
                for name, question in body["questions"].items()
            }
        else:
            answers = [_decision(body["input"], question, probabilities) for question in body["questions"]]
        return give({"model": "judge", "answers": answers, "usage": usage})

    return choose(reply)


def _system_one(text: str, question: dict[str, Any], probabilities: Callable[[str, str], float]) -> dict[str, Any]:
    if question["type"] == "noul":
        return {"type": "noul", "noul": probabilities(text, question["instructions"])}
    shares = _normalised(text, list(question["criteria"]), probabilities)
    return {"type": "choice", "choice": max(shares, key=shares.__getitem__), "probabilities": shares, "confidence": 1.0}


def _decision(text: str, question: dict[str, Any], probabilities: Callable[[str, str], float]) -> dict[str, Any]:
    if question["type"] == "predicate":
        share = probabilities(text, question["instructions"])
        return {"type": "predicate", "name": question["name"], "probability": share}
    shares = _normalised(text, [choice["value"] for choice in question["choices"]], probabilities)
    each = [{"value": value, "probability": share} for value, share in shares.items()]
    best = max(shares, key=shares.__getitem__)
    return {"type": "choice", "name": question["name"], "choice": best, "probabilities": each, "confidence": 1.0}


def _normalised(text: str, options: list[str], probabilities: Callable[[str, str], float]) -> dict[str, float]:
    shares = {option: probabilities(text, option) for option in options}
    return {option: share / sum(shares.values()) for option, share in shares.items()}


def fail(status: int, message: str = "no", **headers: str) -> Reply:
    """An error with the server's message."""
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda handler, _: send(handler, status, body, **headers)


def write(content: bytes) -> Reply:
    """Bytes as they are, HTTP or not; the connection ends after them."""

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
