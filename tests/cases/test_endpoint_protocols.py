"""Misbehaviour over every API of an endpoint: answers that end early, null, errors of all shapes, waits, keys."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldilocks.answers import NO_LABEL, of_labels
from goldilocks.classical.combination import escalated
from goldilocks.errors import EndpointError, InputError
from goldilocks.families import api
from goldilocks.records import Goal, Output
from goldilocks.support.endpoints.address import KINDS, parse
from goldilocks.support.endpoints.server_errors import cleaned, without_secret
from goldilocks.testing import tiny
from goldilocks.testing.endpoint import Server, choose, give, say, send

LABELS = ("food", "money", "sport")
KEY = "sk-proj-ABCDEFGH12345678secret"
SHARES = {"food": 0.2, "money": 0.1, "sport": 0.7}
WELL: dict[str, Any] = {
    "chat": {"choices": [{"message": {"content": "sport"}, "finish_reason": "stop"}]},
    "responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "sport"}]}]},
    "decisions": {
        "answers": [{"name": "0", "probabilities": [{"value": name, "probability": p} for name, p in SHARES.items()]}]
    },
    "systemone": {"answers": {"0": {"type": "choice", "probabilities": SHARES}}},
}
ANSWERED = {"chat": "choices", "responses": "output", "decisions": "answers", "systemone": "answers"}


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def model(server: Server, kind: str = "chat", terms: str = "", goal: Goal | None = None) -> Any:
    facts = api.describe(Path(), f"{server.source}?kind={kind}{terms}")
    assert facts is not None
    made: Any = api.create(facts, None, tiny.part(), goal or Goal(Output.LABEL, LABELS), seed=0)
    made.waits = []
    made.client.sleep = made.waits.append
    return made


def raw(content: bytes, status: int = 200, **headers: str) -> Any:
    return lambda handler, _: send(handler, status, content, **headers)


# ------------------------------------------------------------------------------------------------------ answers of all


@pytest.mark.parametrize("kind", KINDS)
def test_answer_that_ends_early_is_asked_for_again_over_every_api(server: Server, kind: str) -> None:
    whole = json.dumps(WELL[kind]).encode()
    server.replies = [raw(whole[:-9]), raw(b""), raw(b" \n"), raw(whole)]
    assert model(server, kind).predict(["a"]).values == ("sport",)
    assert len(server.bodies) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_null_in_place_of_the_answer_spoils_one_item_only(server: Server, kind: str) -> None:
    server.replies = [give(WELL[kind]), give({"id": "1", ANSWERED[kind]: None}), give(WELL[kind])]
    answers = model(server, kind).predict(["a", "b"])
    assert sorted(answers.values) == [NO_LABEL, "sport"]
    assert "empty" in "".join(answers.problems) or "unanswered" in "".join(answers.problems)


@pytest.mark.parametrize("kind", KINDS)
def test_page_of_a_proxy_in_the_middle_of_a_run_is_sent_again_and_at_its_beginning_an_error(
    server: Server, kind: str
) -> None:
    page = raw(b"<html><body>Maintenance</body></html>")
    server.replies = [give(WELL[kind]), page, give(WELL[kind])]
    assert model(server, kind).predict(["a", "b"]).values == ("sport", "sport")
    server.replies, server.bodies = [page], []
    with pytest.raises(EndpointError, match=r"its answer is not JSON as .*; check the address and its kind"):
        model(server, kind).predict(["a"])
    assert len(server.bodies) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "no such model", "code": "model_not_found"}}, r"status 404 \(no such model\)"),
        (
            {"error": {"code": "429", "message": "slow down", "innererror": {"code": "x"}}},
            r"status 429 \(slow down\), 5",
        ),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, r"529 \(Overloaded\), 5 t"),
        ({"detail": [{"loc": ["body", "x"], "msg": "Field required", "type": "missing"}]}, r"400 \(Field required\)"),
        ({"detail": "Not authenticated"}, r"status 401 \(Not authenticated\)"),
        ({"code": 5, "message": "nothing there", "details": []}, r"status 404 \(nothing there\)"),
        ({"code": 14, "message": "connection refused", "details": []}, r"status 503 \(connection refused\), 5 times"),
        ({"success": False, "message": "nope"}, r"status 400 \(nope\)"),
    ],
)
def test_error_within_status_200_is_known_over_every_api(
    server: Server, kind: str, body: dict[str, Any], words: str
) -> None:
    server.replies = [give(body)]
    with pytest.raises(EndpointError, match=words):
        model(server, kind, "&structured=off").predict(["a"])


def test_response_that_is_incomplete_says_why(server: Server) -> None:
    filtered = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}, "output": []}
    text = {"output": [{"type": "reasoning", "content": None}, {"type": "message", "content": "money"}], "usage": [1]}
    server.replies = [give(filtered), give(text)]
    answers = model(server, "responses").predict(["a", "b"])
    assert answers.values == (NO_LABEL, "money")
    assert "withheld its answer (finish_reason content_filter)" in answers.problems[0]


def test_unrequested_stream_of_responses_is_read_from_its_end(server: Server) -> None:
    events = [{"type": "response.output_text.delta", "delta": "foo"}]
    ended = {"type": "response.completed", "response": WELL["responses"]}
    stream = b"".join(b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in [*events, ended])
    server.replies = [raw(stream[:60]), raw(stream)]
    assert model(server, "responses").predict(["a"]).values == ("sport",)
    server.replies = [raw(b'data: {"type": "error", "message": "out of service", "code": "server_error"}\n\n')]
    with pytest.raises(EndpointError, match=r"status 503 \(out of service\), 5 times"):
        model(server, "responses").predict(["a"])


# ------------------------------------------------------------------------------------------------------- probabilities


@pytest.mark.parametrize(
    ("probabilities", "problem"),
    [
        ([("sport", 0.5), ("sport", 0.3), ("food", 0.5)], "answered twice for one label"),
        ([("sport", 0.5), ("food", 0.2)], "sum to 0.7"),
        ([("sport", 0.9), ("Food", 0.1)], "for other labels ('Food')"),
        ([("sport", float("nan")), ("food", 1.0)], "not all numbers from 0 to 1"),
        ([("sport", -0.1), ("food", 1.1)], "not all numbers from 0 to 1"),
        ([("sport", "0.9"), ("food", 0.1)], "not all numbers from 0 to 1"),
        ([], "sum to 0"),
    ],
)
def test_probabilities_that_are_none_are_no_answer(
    server: Server, probabilities: list[tuple[str, Any]], problem: str
) -> None:
    each = [{"value": name, "probability": share} for name, share in probabilities]
    server.replies = [give({"answers": [{"name": "0", "probabilities": each}]}), give(WELL["decisions"])]
    answers = model(server, "decisions").predict(["a", "b"])
    assert answers.values == (NO_LABEL, "sport")
    assert problem in answers.problems[0]


def test_label_that_is_twice_in_an_object_has_no_probability(server: Server) -> None:
    content = b'{"answers": {"0": {"probabilities": {"sport": 0.1, "food": 0.1, "sport": 0.9}}}}'
    server.replies = [raw(content)]
    assert model(server, "systemone").predict(["a"]).values == (NO_LABEL,)


def test_decision_endpoint_without_one_answer_is_left_out_with_its_first_problem(server: Server) -> None:
    server.replies = [give({"answers": {"0": {"probabilities": {"sport": 7}}}})]
    made = model(server, "systemone")
    made.fit(tiny.part().texts, tiny.part().gold, seed=0)
    with pytest.raises(EndpointError, match=r"the first: the endpoint's probabilities are not all numbers"):
        made.predict(["a"] * 12)


# --------------------------------------------------------------------------------------------------------------- waits


@pytest.mark.parametrize("stated", ["86400", "1e400", "Fri, 31 Dec 2100 00:00:00 GMT"])
def test_wait_of_hours_is_not_waited_for(server: Server, stated: str) -> None:
    server.replies = [lambda handler, _: send(handler, 429, b"quota of the day", Retry_After=stated)]
    made = model(server)
    with pytest.raises(EndpointError, match=r"status 429 \(quota of the day\) and asks to wait [\d,]+ s; try later"):
        made.predict(["a"])
    assert (len(server.bodies), made.waits) == (1, [])


@pytest.mark.parametrize(("stated", "waited"), [("300", 60.0), ("-5", 0.0), ("nan", None), ("soon", None)])
def test_other_waits_are_a_minute_at_most(server: Server, stated: str, waited: float | None) -> None:
    server.replies = [lambda handler, _: send(handler, 429, b"slow", Retry_After=stated), give(WELL["chat"])]
    made = model(server)
    assert made.predict(["a"]).values == ("sport",)
    (wait,) = made.waits
    assert wait == waited if waited is not None else 0 < wait < 2


# ---------------------------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize(
    "spelt",
    [KEY, KEY.upper(), f"x{KEY[3:-2]}", base64.b64encode(f"Bearer {KEY}".encode()).decode(), KEY.encode().hex()],
)
def test_key_is_in_no_generated_text(server: Server, spelt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    server.replies = [say(f"Bonjour {spelt} ou le monde")]
    (text,) = model(server, "chat", "&key=SOME_KEY", Goal(Output.TEXT)).predict(["a"]).values
    assert text == "Bonjour [removed] ou le monde"


def test_words_that_only_begin_like_the_key_stay_in_a_text() -> None:
    assert without_secret("a local-area network", "local-key-for-tests") == "a local-area network"
    assert cleaned("bad key local-****", "local-key-for-tests") == "bad key [removed]"
    assert without_secret("pa$$w!rd#1 here", "pa$$w!rd#1") == "[removed] here"


def test_what_precedes_the_host_of_an_address_is_not_shown() -> None:
    with pytest.raises(InputError, match=r"^api://host/v1/m: names no endpoint") as raised:
        parse(f"api://:{KEY}@host/v1/m")
    assert KEY not in str(raised.value)


# ------------------------------------------------------------------------------------------------------------- dialects


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("参数 max_tokens 不支持", "max_tokens"),
        ("max_tokens is deprecated", "max_tokens"),
        ("'max_tokens' is not a valid field", "max_tokens"),
        ("Only user and assistant roles are allowed", "system"),
        ("不支持 system 角色", "system"),
        ("temperature 只能为 1", "temperature"),
    ],
)
def test_refused_part_is_known_in_other_words_too(server: Server, words: str, changed: str) -> None:
    def reply(body: dict[str, Any]) -> Any:
        roles = {message["role"] for message in body["messages"]}
        return give({"error": {"message": words}}, 400) if changed in {*body, *roles} else say("sport")

    server.replies = [choose(reply)]
    assert model(server, "chat", "&structured=off").predict(["a"]).values == ("sport",)


# ------------------------------------------------------------------------------------------------------------- cascades


def test_item_that_no_part_of_a_cascade_answers_has_a_problem() -> None:
    import numpy as np

    first = of_labels(np.array([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5]]), ("a", "b"))
    nothing = np.array([[np.nan, np.nan], [0.0, 1.0]])
    unsure = np.array([False, True, True])
    answers = escalated(first, nothing, unsure, several=False, problems=("refused", ""))
    assert answers.values == ("a", NO_LABEL, "b")
    assert answers.problems == ("", "refused", "")
    assert escalated(first, nothing, unsure, several=False).problems == ("", "the model gave no answer", "")


# ------------------------------------------------------------------------------------------------- commands to services


def test_key_of_a_service_goes_to_no_other_host_and_odd_answers_are_one_line(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from goldilocks.cli.main import run

    address = server.source.replace("api://", "http://").partition("/v1")[0]

    def promoted() -> str:
        monkeypatch.setattr(sys, "argv", ["goldilocks", "rollback", "tickets", "--url", address, "--key", KEY])
        with pytest.raises(SystemExit) as ended:
            run()
        assert ended.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    other = Server()
    there = other.source.replace("api://", "http://")
    server.replies = [lambda handler, _: send(handler, 307, b"", Location=there)]
    assert "the service refused" in promoted()
    assert other.bodies == []
    other.close()
    for body in (b"[]", b"{}", b'{"model": "m", "versions": [3]}', b"\xff", b"[" * 5_000):
        server.replies = [raw(body)]
        assert "is not a Goldilocks service" in promoted()
    server.replies = [raw(f"bad key {KEY}".encode(), 401)]
    assert "the service refused: bad key [removed]" in promoted()


def test_server_that_refuses_store_is_asked_without_it(server: Server) -> None:
    def reply(body: dict[str, Any]) -> Any:
        if "store" in body:
            return raw(b'{"error": {"message": "Unknown parameter: \'store\'", "code": "unknown_parameter"}}', 400)
        return give(WELL["responses"])

    server.replies = [choose(reply)]
    asked = model(server, "responses")
    assert asked.predict(["a", "b"]).values == ("sport", "sport")
    assert ["store" in body for body in server.bodies] == [True, False, False]
    assert "store=off" in asked.client.settled().source  # for the bundle


def test_store_can_be_switched_off_in_the_address(server: Server) -> None:
    server.replies = [give(WELL["responses"])]
    assert model(server, "responses", "&store=off").predict(["a"]).values == ("sport",)
    assert "store" not in server.bodies[0]
