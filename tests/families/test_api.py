from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import described
from goldilocks.errors import EndpointError, InputError, MissingError
from goldilocks.families import api
from goldilocks.methods import full, in_context
from goldilocks.records import Goal, Output
from goldilocks.support.endpoints import Client, Endpoint, parse, priced
from goldilocks.testing import tiny

Reply = Callable[[http.server.BaseHTTPRequestHandler, dict[str, Any]], None]
ASK = [{"role": "user", "content": "hello"}]


class Server:
    """An endpoint on loopback that answers as it is told; after its list it repeats the last."""

    def __init__(self) -> None:
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


def send(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def say(text: str, read: int = 100, written: int = 10) -> Reply:
    used = {"prompt_tokens": read, "completion_tokens": written}
    body = {"choices": [{"message": {"role": "assistant", "content": text}}], "usage": used}
    return lambda handler, _: send(handler, 200, json.dumps(body).encode())


def fail(status: int, message: str = "no", **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda handler, _: send(handler, status, body, **headers)


def cut(handler: http.server.BaseHTTPRequestHandler, _: dict[str, Any]) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def _client(server: Server, waits: list[float] | None = None, **terms: Any) -> Client:
    endpoint = replace(parse(server.source), **terms)
    return Client(endpoint, sleep=(waits if waits is not None else []).append)


def test_endpoint_is_read_from_its_source() -> None:
    found = parse("api://api.example.com/v1/org/model?key=MY_KEY&input=0.15&output=0.6&cap=2")

    assert found == Endpoint("https://api.example.com/v1", "org/model", "MY_KEY", 0.15, 0.6, 2.0)
    assert parse(found.source) == found
    assert not found.local
    assert parse(priced("api://h/m?input=1", 5, 6, 7)) == Endpoint("https://h/v1", "m", "", 1, 6, 7)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("api://", "names no endpoint"),
        ("api://host/v1/m?key=sk-abc123", "never a key itself"),
        ("api://host/v1/m?price=3", "'price' is no term"),
        ("api://host/v1/m?input=-3", "must be a number and not below 0"),
    ],
)
def test_source_that_cannot_be_read_says_why(source: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse(source)
    assert "sk-abc123" not in str(caught.value)


def test_busy_endpoint_is_asked_again_when_it_says(server: Server) -> None:
    server.replies = [fail(429, Retry_After="7"), fail(500), say("food")]
    waits: list[float] = []

    answer = _client(server, waits).ask(ASK, max_tokens=5)

    assert answer.text == "food"
    assert waits[0] == 7
    assert 1 <= waits[1] <= 2  # 0.5 · 2 seconds, up to twice that


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (fail(429, "slow down"), r"answered with status 429 \(slow down\), 5 times over"),
        (fail(500), "answered with status 500"),
        (cut, "broke off its answer"),
    ],
)
def test_endpoint_that_stays_broken_is_one_clear_error(server: Server, reply: Reply, words: str) -> None:
    server.replies = [reply]
    with pytest.raises(EndpointError, match=words) as caught:
        _client(server).ask(ASK, max_tokens=5)
    assert "\n" not in str(caught.value)
    assert len(server.bodies) == 5


def test_endpoint_that_takes_too_long_is_given_up(server: Server) -> None:
    held = threading.Event()
    server.replies = [lambda handler, body: (held.wait(5), None)[1]]
    with pytest.raises(EndpointError, match=r"gave no answer within 0\.05 s, 5 times over"):
        _client(server, timeout=0.05).ask(ASK, max_tokens=5)
    held.set()


def test_endpoint_that_is_not_there_is_one_clear_error(server: Server) -> None:
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(EndpointError, match="cannot be reached"):
        _client(server).ask(ASK, max_tokens=5)


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b'{"choices": []}', b'{"choices": [{"message": {"content": 3}}]}']
)
def test_answer_that_is_no_completion_is_one_clear_error(server: Server, body: bytes) -> None:
    server.replies = [lambda handler, _: send(handler, 200, body)]
    with pytest.raises(EndpointError, match="its answer is no chat completion in JSON"):
        _client(server).ask(ASK, max_tokens=5)
    assert len(server.bodies) == 1


def test_wrong_key_is_not_tried_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    server.replies = [fail(401, "bad key")]
    with pytest.raises(EndpointError, match=r"status 401 \(bad key\); check the key in SOME_KEY"):
        _client(server, key="SOME_KEY").ask(ASK, max_tokens=5)
    assert server.keys == ["Bearer secret"]


def test_missing_key_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(EndpointError, match="the environment variable SOME_KEY is not set"):
        _client(server, key="SOME_KEY").ask(ASK, max_tokens=5)
    assert server.bodies == []


def test_cap_stops_before_the_money_is_spent(server: Server) -> None:
    # 100 tokens read at 1,000 a million are 0.1, 10 written at 2,000 are 0.02.
    client = _client(server, input_price=1000.0, output_price=2000.0, cap=0.15)

    client.ask(ASK, max_tokens=10)
    assert client.spent == pytest.approx(0.12)
    with pytest.raises(EndpointError, match=r"has cost 0\.12, .* the cap is 0\.15"):
        client.ask(ASK, max_tokens=10)
    assert len(server.bodies) == 1


def test_questions_keep_their_distance(server: Server) -> None:
    waits: list[float] = []
    client = _client(server, waits, per_minute=60.0)
    client.clock = lambda: 100.0

    for _ in range(3):
        client.ask(ASK, max_tokens=5)

    assert waits == [1.0, 2.0]


def test_labels_come_from_an_endpoint_and_survive_saving(server: Server, tmp_path: Path) -> None:
    facts = api.describe(tmp_path, server.source)
    assert facts is not None
    goal = replace(tiny.GOAL, instruction="Give the label.")
    model: Any = api.create(facts, None, tiny.part(), goal, seed=0)
    in_context.prepare(model, in_context.Options(shots=3))
    model.fit(tiny.part().texts, tiny.part().gold, seed=0)
    assert server.bodies == []  # telling it asks nothing

    server.replies = [say("The label is Sport."), say("food"), say("weather")]
    answers = model.predict(["a"])
    assert answers.values == ("sport",)
    assert model.predict(["b"]).values == ("food",)
    assert model.predict(["c"]).probabilities.tolist() == [pytest.approx([1 / 3] * 3)]
    asked = server.bodies[0]["messages"][-1]["content"]
    assert asked.startswith("Give the label. The labels: food, money, sport.")
    assert asked.count("Label:") == 4
    model.save(tmp_path / "saved")
    again = api.restore(tmp_path / "saved")
    assert again.prompt == model.prompt
    assert again.predict(["b"]).values == ("weather",) or again.predict(["b"]).probabilities.shape == (1, 3)


def test_texts_and_several_labels_come_from_an_endpoint(server: Server) -> None:
    facts = api.describe(Path(), server.source)
    assert facts is not None
    server.replies = [say(" a reply\nand more"), say("sport, food")]
    writer: Any = api.create(facts, None, tiny.part(), Goal(Output.TEXT), seed=0)
    assert writer.predict(["x"]).values == ("a reply",)
    several: Any = api.create(facts, None, tiny.part(), replace(tiny.GOAL, several=True), seed=0)
    assert several.predict(["x"]).values == (("food", "sport"),)


def test_offline_run_asks_nobody_beyond_this_machine() -> None:
    with pytest.raises(MissingError, match=r"api://api\.example\.com/v1/m: .* the run is offline; --online"):
        folder_of("api://api.example.com/v1/m", offline=True)
    facts = described("api://127.0.0.1:1/v1/m", {"api": api}, offline=True)
    assert (facts.family, facts.groups) == ("api", ("prompt",))
    assert "no weights to tune" in str(full.misfit(facts))
