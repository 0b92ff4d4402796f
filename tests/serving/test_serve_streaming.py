"""Texts that are streamed while they are generated: pieces, errors, clients that leave, engines in processes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from served import ScriptedEngine, client, decoder, live, settings
from starlette.testclient import TestClient

import goldilocks
from goldilocks.errors import RequestError
from goldilocks.nets.generation.streaming import OnText, TextPieces
from goldilocks.records import Generation, Goal, Output, Part, Prediction, Text
from goldilocks.serving.engine import Call, Operation, Result
from goldilocks.serving.process_engine import ProcessEngine

TEXTS = ("we saw soup", "they saw a match", "the bank", "a loan again") * 3
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}], "stream": True}


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    part = Part(TEXTS, tuple(text.upper() for text in TEXTS), tuple(range(1, 13)))
    return decoder(tmp_path_factory.mktemp("writer"), Goal(Output.TEXT), part, "generation")


class _Writer(ScriptedEngine):
    """Writes ``we saw soup`` a word at a time; each word waits for ``go``."""

    def __init__(self, fail_after: int = 99) -> None:
        super().__init__()
        self.card = replace(
            self.card,
            task="generation",
            output=Output.TEXT,
            labels=(),
            operations=tuple(Operation(name) for name in ("predict", "generate")),
        )
        self.go = threading.Semaphore(0)
        self.written: list[str] = []
        self.ended: Exception | None = None
        self.fail_after = fail_after

    def run(self, call: Call, items: Sequence[Text], *, on_text: OnText | None = None) -> list[Result]:
        self.ended = None
        words = ["we", "saw", "soup", "again", "and", "again"]
        for number in range(1, len(words) + 1):
            assert self.go.acquire(timeout=20)
            if number > self.fail_after:
                raise RequestError(500, "engine_error", "out of words")
            self.written.append(words[number - 1])
            try:
                if on_text is not None:
                    on_text(" ".join(words[:number]))
            except Exception as error:
                self.ended = error
                raise
        return [Prediction(" ".join(words), 0.5) for _ in items]


def _served(folder: Path, engine: ScriptedEngine, **more: Any) -> tuple[Any, Callable[[Path], ScriptedEngine]]:
    return settings({"w": folder}, **more), lambda _: engine


def _events(lines: Sequence[str]) -> list[Any]:
    data = [line.removeprefix("data: ") for line in lines if line]
    assert data[-1] == "[DONE]"
    return [json.loads(entry) for entry in data[:-1]]


def test_a_piece_arrives_before_the_next_is_written(writer: Path) -> None:
    engine = _Writer()
    engine.go.release()  # the response starts with the first piece
    made, opened = _served(writer, engine)
    with (
        live(made, opened) as address,
        httpx.stream("POST", f"{address}/v1/chat/completions", json=CHAT | {"model": "w"}) as got,
    ):
        lines = got.iter_lines()
        pieces = []
        for expected in ("we", " saw", " soup"):
            while not (delta := json.loads(_line(lines))["choices"][0]["delta"]).get("content"):
                pass
            pieces.append(delta["content"])
            assert delta["content"] == expected
            assert engine.written == "".join(pieces).split()  # the next word is not written yet
            engine.go.release()
        for _ in range(2):
            engine.go.release()
        rest = [json.loads(line.removeprefix("data: ")) for line in lines if line and "DONE" not in line]
    text = "".join(pieces) + "".join(entry["choices"][0]["delta"].get("content", "") for entry in rest)
    assert text == "we saw soup again and again"
    assert rest[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("route", ["chat/completions", "completions"])
def test_the_latency_of_the_first_token_is_measured_before_the_text_ends(writer: Path, route: str) -> None:
    engine = _Writer()
    made, opened = _served(writer, engine)
    body = CHAT | {"model": "w"} if route.startswith("chat") else {"model": "w", "prompt": "hello", "stream": True}
    with live(made, opened) as address:
        threading.Timer(0.3, engine.go.release).start()
        sent = time.perf_counter()
        with httpx.stream("POST", f"{address}/v1/{route}", json=body) as got:
            lines = got.iter_lines()
            _line(lines)
            waited = time.perf_counter() - sent
            count, seconds = _first_tokens(address)
            time.sleep(0.3)
            for _ in range(5):
                engine.go.release()
            assert "data: [DONE]" in list(lines)
        assert count == 1
        assert 0 < seconds <= waited
        assert _first_tokens(address) == (1, seconds)  # the rest of the text does not count
        for _ in range(6):
            engine.go.release()
        httpx.post(f"{address}/v1/{route}", json=body | {"stream": False})
        assert _first_tokens(address)[0] == 1  # nor do answers that are not streamed


def _first_tokens(address: str) -> tuple[float, float]:
    """Number and seconds of first tokens, of the model ``w``."""
    lines = [line for line in httpx.get(f"{address}/metrics").text.splitlines() if 'model="w"' in line]
    count, seconds = (
        sum(float(line.split()[-1]) for line in lines if line.startswith(f"goldilocks_first_token_seconds_{kind}"))
        for kind in ("count", "sum")
    )
    return count, seconds


def _line(lines: Any) -> str:
    return str(next(line for line in lines if line)).removeprefix("data: ")


def test_a_client_that_leaves_ends_the_generation(writer: Path) -> None:
    engine = _Writer()
    made, opened = _served(writer, engine)
    engine.go.release()
    with live(made, opened) as address:
        with httpx.stream("POST", f"{address}/v1/chat/completions", json=CHAT | {"model": "w"}) as got:
            next(line for line in got.iter_lines() if line)
        deadline = time.monotonic() + 10
        while engine.ended is None and time.monotonic() < deadline:
            engine.go.release()
            time.sleep(0.2)
    assert isinstance(engine.ended, RequestError)
    assert len(engine.written) < 6


@pytest.mark.parametrize(("fail_after", "status"), [(0, 500), (2, 200)])
def test_an_error_is_a_status_before_the_first_piece_and_an_event_after_it(
    writer: Path, fail_after: int, status: int
) -> None:
    engine = _Writer(fail_after)
    for _ in range(9):
        engine.go.release()
    made, opened = _served(writer, engine)
    with client(made, opened) as api:
        got = api.post("/v1/chat/completions", json=CHAT | {"model": "w"})
    assert got.status_code == status
    if status == 200:
        *_, last = _events(got.text.splitlines())
        assert last["error"]["message"] == "out of words"
    else:
        assert got.json()["error"]["code"] == "engine_error"


def test_masked_texts_and_several_prompts_are_not_cut_into_pieces(writer: Path) -> None:
    for more, prompt in (({"masking": {"outputs": True}}, "one"), ({}, ["one", "two"])):
        engine = _Writer()
        for _ in range(20):
            engine.go.release()
        made, opened = _served(writer, engine, **more)
        with client(made, opened) as api:
            body = {"model": "w", "prompt": prompt, "stream": True}
            got = api.post("/v1/completions", json=body)
        texts = [entry["choices"][0]["text"] for entry in _events(got.text.splitlines())]
        assert [text for text in texts if text] == ["we saw soup again and again"] * (1 if prompt == "one" else 2)


def test_a_streamed_text_is_that_of_the_bundle(writer: Path) -> None:
    expected = goldilocks.load(writer).predict(["we saw soup"])[0].answer
    body = {"model": "w", "prompt": "we saw soup", "stream": True, "stream_options": {"include_usage": True}}
    with client(settings({"w": writer})) as api:
        events = _events(api.post("/v1/completions", json=body).text.splitlines())
        whole = api.post("/v1/completions", json={**body, "stream": False}).json()
    *pieces, usage = events
    assert "".join(entry["choices"][0]["text"] for entry in pieces) == expected
    assert [entry["choices"][0]["finish_reason"] for entry in pieces] == [None] * (len(pieces) - 1) + ["stop"]
    assert usage["usage"] == whole["usage"]


def test_a_process_streams_and_stops_when_nobody_wants_the_rest(writer: Path) -> None:
    engine = ProcessEngine(writer, seconds=60, threads=1)
    call = Call(Operation.GENERATE, Generation(max_tokens=8))
    try:
        seen: list[str] = []
        (whole,) = engine.run(call, ["we saw soup"], on_text=seen.append)
        assert isinstance(whole, Prediction)
        assert len(seen) > 1
        pieces = TextPieces()
        assert "".join(map(pieces.add, seen)) + pieces.rest(whole.label) == whole.label

        def enough(text: str) -> None:
            raise RequestError(499, "client_gone", text)

        with pytest.raises(RequestError):
            engine.run(call, ["we saw soup"], on_text=enough)
        # The process is in step with the service afterwards.
        (again,) = engine.run(call, ["we saw soup"])
        assert isinstance(again, Prediction)
        assert again.answer == whole.answer
    finally:
        engine.close()


def test_streams_do_not_hold_up_the_batches_of_others(writer: Path) -> None:
    engine = _Writer()
    for _ in range(60):
        engine.go.release()
    made, opened = _served(writer, engine)
    with client(made, opened) as api:
        threads = [threading.Thread(target=_post, args=(api,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)


def _post(api: TestClient) -> None:
    assert api.post("/v1/chat/completions", json=CHAT | {"model": "w"}).status_code == 200
