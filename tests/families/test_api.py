from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from goldilocks.answers import NO_LABEL
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import described
from goldilocks.errors import EndpointError, InputError, MissingError
from goldilocks.families import api
from goldilocks.methods import full, in_context
from goldilocks.protocols import Family
from goldilocks.records import Generation, Goal, Output
from goldilocks.support.endpoints.address import Dialect, Endpoint, parse, priced
from goldilocks.support.endpoints.client import Client
from goldilocks.support.endpoints.http_post import MAX_BYTES
from goldilocks.support.endpoints.spending_log import SpendingLog
from goldilocks.testing import tiny
from goldilocks.testing.endpoint import Reply, Server, cut, drip, fail, say, send, write

ASK = [{"role": "user", "content": "hello"}]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def _client(server: Server, waits: list[float] | None = None, **terms: Any) -> Client:
    endpoint = replace(parse(server.source), **terms)
    return Client(endpoint, sleep=(waits if waits is not None else []).append)


def test_endpoint_is_read_from_its_source() -> None:
    result = parse("api://api.example.com/v1/org/model?key=MY_KEY&input=0.15&output=0.6&cap=2")

    assert result == Endpoint("https://api.example.com/v1", "org/model", "MY_KEY", 0.15, 0.6, 2.0)
    assert parse(result.source) == result
    assert not result.local
    assert parse(priced("api://h/m?input=1", 5, 6, 7)) == Endpoint("https://h/v1", "m", "", 1, 6, 7)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("api://", "names no endpoint"),
        ("api://host/v1/m?key=sk-abc123", "never a key itself"),
        ("api://host/v1/m?price=3", "'price' is not a term"),
        ("api://host/v1/m?input=-3", "must be 0, or a number from 1e-6 to 1e9"),
        ("api://host/v1/m?timeout=1e300", "must be 0, or a number from 1e-6 to 1e9"),
        ("api://host/v1/m?per_minute=nan", "must be 0, or a number from 1e-6 to 1e9"),
        ("api://host/v1/m?structured=no", "structured is 'no'; it must be on or off"),
        ("api://host/v1/m?limit=n", "limit is 'n'; it must be max_tokens or max_completion_tokens"),
        ("api://host:99999/v1/m", "names no endpoint .*Port out of range"),
        ("api://[::bad/v1/m", "names no endpoint .*Invalid IPv6"),
    ],
)
def test_source_that_cannot_be_read_says_why(source: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        parse(source)
    assert "sk-abc123" not in str(caught.value)


def test_dialect_is_read_from_its_source() -> None:
    result = parse("api://[::1]:8000/v1/m?limit=max_completion_tokens&system=off&structured=off&temperature=on")

    assert result.url == "http://[::1]:8000/v1"
    assert result.dialect == Dialect("max_completion_tokens", system=False, structured=False)
    assert parse(result.source) == result
    assert (
        result.source
        == "api://[::1]:8000/v1/m?per_minute=0&timeout=60&limit=max_completion_tokens&system=off&structured=off"
    )


def test_candidate_is_named_after_model_host_and_port() -> None:
    facts = api.describe(Path(), "api://127.0.0.1:8000/v1/org/small?input=1")
    assert facts is not None
    assert facts.name == "org/small@127.0.0.1:8000"


def test_bundle_of_an_older_version_still_loads(tmp_path: Path) -> None:
    goal = {
        "output": "label",
        "labels": ["food", "sport"],
        "several": False,
        "instruction": "Give it.",
        "generation": {},
    }
    prompt = {"goal": goal, "examples": [["soup", "food"]], "one_line": True, "begun": False}
    old = {"source": "api://h/v1/m?input=1&per_minute=0&timeout=60", "max_tokens": 8, "prompt": prompt}
    (tmp_path / "endpoint.json").write_text(json.dumps(old))

    model = api.restore(tmp_path)

    assert model.client.endpoint == Endpoint("https://h/v1", "m", input_price=1.0)
    assert model.labels == ("food", "sport")
    assert not model.on_trial


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
        (write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), r"gave no HTTP that can be read \(illegal status line"),
        (write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000), r"gave no HTTP that can be read \(Receive buffer too long"),
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


def test_answer_that_comes_in_drops_is_given_up_in_time(server: Server) -> None:
    server.replies = [drip(b"HTTP/1.1 200 OK\r\n\r\n", 0.02)]
    with pytest.raises(EndpointError, match=r"gave no answer within 0\.1 s, 5 times over"):
        _client(server, timeout=0.1).ask(ASK, max_tokens=5)


def test_answer_without_end_is_refused(server: Server) -> None:
    server.replies = [write(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MAX_BYTES + 1))]
    with pytest.raises(EndpointError, match="its answer is longer than 16 MB"):
        _client(server).ask(ASK, max_tokens=5)
    assert len(server.bodies) == 1


def test_endpoint_that_is_not_there_is_one_clear_error(server: Server) -> None:
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(EndpointError, match="cannot be reached"):
        _client(server).ask(ASK, max_tokens=5)


@pytest.mark.parametrize(
    "body",
    [b"<html>hello</html>", b'{"choices": {}}', b'{"choices": [{"message": {"content": true}}]}', b"[" * 200_000],
)
def test_answer_that_is_no_completion_is_one_clear_error(server: Server, body: bytes) -> None:
    server.replies = [lambda handler, _: send(handler, 200, body)]
    with pytest.raises(EndpointError, match="its answer is not JSON as chat/completions gives it"):
        _client(server).ask(ASK, max_tokens=5)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("count", ["-5", "0", "true", "12.5", '"12"', "1e999", "10000001", "null"])
def test_count_of_tokens_that_cannot_be_is_guessed_as_one_that_is_missing(server: Server, count: str) -> None:
    client = _client(server, input_price=1000.0, output_price=2000.0)
    usages = [b"", f', "usage": {{"prompt_tokens": {count}, "completion_tokens": {count}}}'.encode(), b', "usage": [1]']
    bodies = [b'{"choices": [{"message": {"content": "food"}}]%s}' % usage for usage in usages]
    server.replies = [lambda handler, _: send(handler, 200, bodies.pop(0))]

    missing, impossible, unreadable = (client.ask(ASK, max_tokens=5) for _ in range(3))

    assert missing.output_tokens == 1 + 4 / 2  # half a token a character
    for entry in (impossible, unreadable):
        assert (entry.input_tokens, entry.output_tokens) == (missing.input_tokens, missing.output_tokens)
    assert client.spent == pytest.approx(3 * (missing.input_tokens * 1e-3 + 3 * 2e-3))


def test_half_characters_of_an_answer_are_replaced(server: Server) -> None:
    server.replies = [say("\ud800 food"), fail(404, "\udfff gone")]
    answer = _client(server).ask(ASK, max_tokens=5)
    assert answer.text == "\N{REPLACEMENT CHARACTER} food"
    with pytest.raises(EndpointError, match="\\(\N{REPLACEMENT CHARACTER} gone\\)"):
        _client(server).ask(ASK, max_tokens=5)


def test_answer_far_longer_than_asked_for_is_cut(server: Server) -> None:
    server.replies = [say("a, " * 1_000_000)]
    assert len(_client(server).ask(ASK, max_tokens=5).text) == 5 * 16


def test_wrong_key_is_not_tried_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "secret")
    server.replies = [fail(401, "bad key")]
    with pytest.raises(EndpointError, match=r"status 401 \(bad key\); check the key in SOME_KEY"):
        _client(server, key="SOME_KEY").ask(ASK, max_tokens=5)
    assert server.keys == ["Bearer secret"]


def test_blanks_around_a_key_are_not_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", " secret\n")
    server.replies = [say("yes")]
    _client(server, key="SOME_KEY").ask(ASK, max_tokens=5)
    assert server.keys == ["Bearer secret"]


@pytest.mark.parametrize("key", ["sec\nret", "sécret"])
def test_key_that_cannot_be_one_is_not_shown(server: Server, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", key)
    with pytest.raises(EndpointError, match="SOME_KEY holds signs that no key has") as raised:
        _client(server, key="SOME_KEY").ask(ASK, max_tokens=5)
    assert key not in str(raised.value)


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


def test_cap_holds_for_all_who_ask_on_one_account(server: Server, tmp_path: Path) -> None:
    def another() -> Client:
        client = _client(server, input_price=1000.0, output_price=2000.0, cap=0.3)
        client.spending_log = SpendingLog(tmp_path / "account.jsonl", f"candidate {len(server.bodies)}")
        return client

    another().ask(ASK, max_tokens=10)
    another().ask(ASK, max_tokens=10)
    again = another()
    assert again.spent == pytest.approx(0.24)  # by others, in other sessions
    with pytest.raises(EndpointError, match=r"has cost 0\.24, .* the cap is 0\.3"):
        again.ask(ASK * 20, max_tokens=10)
    assert len(server.bodies) == 2


def test_what_cannot_be_paid_to_the_end_is_not_asked(server: Server) -> None:
    client = _client(server, input_price=1000.0, output_price=2000.0, cap=1.0)
    client.ask(ASK, max_tokens=10)
    client.afford(7)  # 0.12 and 7 × 0.12 are 0.96
    with pytest.raises(EndpointError, match=r"8 further questions would cost about 0\.96; the cap is 1\."):
        client.afford(8)


def test_who_times_the_endpoint_waits_outside_the_time(server: Server) -> None:
    waits: list[float] = []
    client = _client(server, waits, per_minute=60.0)
    client.clock = lambda: 100.0
    client.rest()
    assert waits == []
    client.ask(ASK, max_tokens=5)
    client.rest()
    assert waits == [1.0]


def test_questions_keep_their_distance(server: Server) -> None:
    waits: list[float] = []
    client = _client(server, waits, per_minute=60.0)
    client.clock = lambda: 100.0

    for _ in range(3):
        client.ask(ASK, max_tokens=5)

    assert waits == [1.0, 2.0]


def test_labels_come_from_an_endpoint_and_survive_saving(server: Server, tmp_path: Path) -> None:
    info = api.describe(tmp_path, server.source)
    assert info is not None
    goal = replace(tiny.GOAL, instruction="Give the label.")
    model: Any = api.create(info, None, tiny.part(), goal, seed=0)
    in_context.prepare(model, in_context.Options(shots=3))
    model.fit(tiny.part().texts, tiny.part().gold, seed=0)
    assert server.bodies == []  # fitting sends nothing

    server.replies = [say("The label is Sport."), say("food"), say("weather")]
    answers = model.predict(["a"])
    assert answers.values == ("sport",)
    assert model.predict(["b"]).values == ("food",)
    unanswered = model.predict(["c"])
    assert unanswered.values == (NO_LABEL,)
    assert unanswered.problems == ("the endpoint's answer names no label (it begins 'weather')",)
    asked = server.bodies[0]["messages"][-1]["content"]
    assert asked.startswith("Give the label. The labels: food, money, sport.")
    assert asked.count("Label:") == 4
    model.save(tmp_path / "saved")
    again = api.restore(tmp_path / "saved")
    assert again.prompt == model.prompt
    assert again.predict(["b"]).predictions()[0].error == "the endpoint's answer names no label (it begins 'weather')"


def test_texts_and_several_labels_come_from_an_endpoint(server: Server) -> None:
    info = api.describe(Path(), server.source)
    assert info is not None
    server.replies = [say(" a reply\nand more"), say("sport, food")]
    writer: Any = api.create(info, None, tiny.part(), Goal(Output.TEXT), seed=0)
    assert writer.predict(["x"]).values == ("a reply",)
    several: Any = api.create(info, None, tiny.part(), replace(tiny.GOAL, several=True), seed=0)
    assert several.predict(["x"]).values == (("food", "sport"),)


def test_endpoint_is_asked_to_write_as_the_task_file_says(server: Server, tmp_path: Path) -> None:
    info = api.describe(Path(), server.source)
    assert info is not None
    how = Generation(max_tokens=5, temperature=0.7, top_p=0.9, top_k=9, stops=("END", "\n\n"), seed=3)
    server.replies = [say("one\ntwo")]
    model: Any = api.create(info, None, tiny.part(), Goal(Output.TEXT, generation=how), seed=0)
    model.fit(tiny.part().texts, tiny.part().gold, seed=0)
    model.save(tmp_path)
    again = api.restore(tmp_path)

    assert again.predict(["x"]).values == ("one\ntwo",)  # where it ends was said
    again.generation = Generation()
    assert again.predict(["x"]).values == ("one",)

    first, second = server.bodies
    asked = {"max_tokens": 5, "temperature": 0.7, "top_p": 0.9, "top_k": 9, "stop": ["END", "\n\n"], "seed": 3}
    assert {name: first[name] for name in asked} == asked
    assert (second["temperature"], second["max_tokens"]) == (0, model.max_tokens)
    assert not {"top_p", "top_k", "stop", "seed"} & set(second)


def test_offline_run_contacts_no_other_machine() -> None:
    with pytest.raises(MissingError, match=r"api://api\.example\.com/v1/m: .* the run is offline; --online"):
        folder_of("api://api.example.com/v1/m", offline=True)
    info = described("api://127.0.0.1:1/v1/m", {"api": cast(Family, api)}, offline=True)
    assert (info.family, info.groups) == ("api", ("prompt",))
    assert "not trained by gradient descent; use `scratch`" in str(full.incompatibility(info))


def test_endpoint_gets_the_examples_of_its_item(server: Server, tmp_path: Path) -> None:
    info = api.describe(Path(), server.source)
    assert info is not None
    part = tiny.part()
    model: Any = api.create(info, None, part, tiny.GOAL, seed=0)
    in_context.prepare(model, in_context.Options(shots=2, demonstrations="nearest"))
    model.fit(part.texts, part.gold, seed=0)
    assert server.bodies == []

    item = part.texts[0]
    model.predict([item])
    asked = server.bodies[0]["messages"][-1]["content"]
    assert asked.count("Label:") == 3
    assert asked.count(item) == 1  # the training row that is the item is not among its examples
    for text, gold in reversed(model.selector.examples(item)):  # the best last
        assert f"Text: {text}\nLabel: {gold}" in asked
    best = model.selector.examples(item)[0]
    assert asked.index(best[0]) > asked.index(model.selector.examples(item)[1][0])

    model.save(tmp_path / "saved")
    again = api.restore(tmp_path / "saved")
    again.predict([item])
    assert server.bodies[1]["messages"] == server.bodies[0]["messages"]
    assert again.size_bytes() == model.size_bytes() > 1000


@pytest.mark.parametrize(("demonstrations", "shown"), [("nearest", 1), ("balanced", 1)])
def test_endpoint_gets_no_more_tokens_of_examples_than_asked_for(
    server: Server, demonstrations: str, shown: int
) -> None:
    info = api.describe(Path(), server.source)
    assert info is not None
    part = tiny.part()
    model: Any = api.create(info, None, part, tiny.GOAL, seed=0)
    # Two examples have at least 2 * 40 characters, so more than 25 tokens of 3 characters.
    in_context.prepare(model, in_context.Options(shots=4, demonstrations=demonstrations, tokens=25))
    model.fit(part.texts, part.gold, seed=0)
    model.predict(["soup"])
    asked = server.bodies[0]["messages"][-1]["content"]
    assert asked.count("Label:") == shown + 1


def test_endpoint_has_no_probabilities_to_search_with(server: Server) -> None:
    info = api.describe(Path(), server.source)
    assert info is not None
    model: Any = api.create(info, None, tiny.part(), tiny.GOAL, seed=0)
    in_context.prepare(model, in_context.Options(shots=2, order="search"))
    with pytest.raises(InputError, match="need probabilities, which an endpoint does not give"):
        model.fit(tiny.part().texts, tiny.part().gold, seed=0)


def test_endpoint_gets_cached_examples_before_those_of_its_item(server: Server) -> None:
    info = api.describe(Path(), server.source)
    assert info is not None
    part = tiny.part()
    model: Any = api.create(info, None, part, tiny.GOAL, seed=0)
    in_context.prepare(model, in_context.Options(shots=2, demonstrations="nearest", cached=3))
    model.fit(part.texts, part.gold, seed=0)
    model.predict(["soup"])
    asked = server.bodies[0]["messages"][-1]["content"]
    assert asked.count("Label:") == 6
    assert asked.startswith(model.prompt.lead)
    assert not {text for text, _ in model.prompt.examples} & {*model.selector.texts}
