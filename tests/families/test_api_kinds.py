"""Endpoints that are asked over the Responses API and the two decision protocols."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldilocks.errors import EndpointError, InputError
from goldilocks.families import api
from goldilocks.families.api import RemoteModel
from goldilocks.nets.generation.prompts import Prompt
from goldilocks.records import Goal, Output
from goldilocks.settings import task_from
from goldilocks.support.endpoints.address import parse
from goldilocks.support.endpoints.client import Client
from goldilocks.testing.endpoint import Server, decide, fail, give

LABELS = ("food", "money", "sport")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def remote(server: Server, kind: str, goal: Goal | None = None, **terms: Any) -> RemoteModel:
    goal = goal or Goal(labels=LABELS, instruction="Which topic?", descriptions={"food": "meals and drinks"})
    client = Client(parse(f"{server.source}?kind={kind}"), sleep=lambda _: None)
    client.endpoint = replace(client.endpoint, **terms)
    return RemoteModel(client, Prompt(goal))


def named(text: str, option: str) -> float:
    """.7 for the label that stands in the text, .15 for the others."""
    return 0.7 if option in text else 0.15


@pytest.mark.parametrize("kind", ["decisions", "systemone"])
def test_probabilities_of_a_decision_endpoint_are_used_as_such(server: Server, kind: str, tmp_path: Path) -> None:
    server.replies = [decide(named)]
    model = remote(server, kind, input_price=2.0)
    answers = model.predict(["about sport", "about food"])
    assert list(answers.values) == ["sport", "food"]
    assert answers.probabilities is not None
    assert answers.probabilities[0].tolist() == pytest.approx([0.15, 0.15, 0.7], abs=1e-6)
    assert server.paths == [f"/v1/{kind}"] * 2
    assert "meals and drinks" in str(server.bodies[0])
    assert model.client.spending_log.own().money == pytest.approx(2 * 50 * 2.0 / 1e6)
    model.save(tmp_path)
    assert api.restore(tmp_path).predict(["about money"]).values[0] == "money"


@pytest.mark.parametrize("kind", ["decisions", "systemone"])
def test_labels_that_hold_together_are_asked_one_by_one(server: Server, kind: str) -> None:
    def likely(text: str, question: str) -> float:
        return 0.9 if any(f"'{word}'" in question for word in text.split()) else 0.1

    server.replies = [decide(likely)]
    answers = remote(server, kind, Goal(labels=LABELS, several=True)).predict(["food money", "nothing"])
    assert list(answers.values) == [("food", "money"), ()]
    assert len(server.bodies[0]["questions"]) == 3


@pytest.mark.parametrize("kind", ["decisions", "systemone"])
def test_more_than_255_labels_are_asked_in_rounds(server: Server, kind: str) -> None:
    labels = tuple(sorted(f"label{number:04d}" for number in range(600)))
    server.replies = [decide(lambda text, option: 1.0 if option == text else 1e-4)]
    answers = remote(server, kind, Goal(labels=labels)).predict(["label0451", "label0003"])
    assert list(answers.values) == ["label0451", "label0003"]
    assert answers.probabilities is not None
    assert answers.probabilities.sum(1).tolist() == pytest.approx([1, 1])
    sizes = [len(question.get("choices") or question["criteria"]) for question in _questions(server.bodies[0])]
    assert sum(sizes) == 600
    assert max(sizes) <= 255
    assert len(_questions(server.bodies[1])) == 1


def _questions(body: dict[str, Any]) -> list[dict[str, Any]]:
    questions = body["questions"]
    return list(questions.values()) if isinstance(questions, dict) else list(questions)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"type": "choice", "probabilities": {"food": 0.9, "money": 0.6, "sport": 0.4}}, "sum to 1.9"),
        ({"type": "choice", "probabilities": {"food": 0.5, "weather": 0.5}}, "other labels ('weather')"),
        ({"type": "choice", "probabilities": {"food": float("nan"), "money": 0, "sport": 0}}, "numbers from 0 to 1"),
        ({"type": "choice", "probabilities": {"food": 10**400, "money": 0, "sport": 0}}, "numbers from 0 to 1"),
        ({"type": "choice", "probabilities": [{"value": ["food"], "probability": 1}]}, "other labels"),
        ({"type": "choice", "probabilities": {"food": 0.6, "money": 0.2}}, "sum to 0.8"),
        ({"type": "choice", "probabilities": {}}, "sum to 0"),
        ({"type": "choice"}, "gave no probabilities"),
        ("food", "gave no probabilities"),
        ([1], "gave no probabilities"),
        ({"type": "refusal", "reason": "policy"}, "declined to answer (policy)"),
        (None, "left the question unanswered"),
    ],
)
def test_probabilities_that_cannot_be_are_no_answer(server: Server, answer: Any, words: str) -> None:
    server.replies = [give({"answers": {"0": answer}, "usage": {"input_tokens": 5}})]
    answers = remote(server, "systemone").predict(["about food"])
    assert words in answers.problems[0]


def test_an_endpoint_of_another_kind_is_one_clear_error(server: Server) -> None:
    server.replies = [fail(404, "not found")]
    with pytest.raises(EndpointError, match="kind"):
        remote(server, "decisions").predict(["x"])
    server.replies = [give({"choices": [{"message": {"content": "food"}}]})]
    with pytest.raises(EndpointError, match="not JSON as decisions gives it"):
        remote(server, "decisions").predict(["x"])
    server.replies = [give({"answers": [{"name": "0", "probabilities": {"food": 1}}]})]
    with pytest.raises(EndpointError, match="not JSON as"):
        remote(server, "chat").predict(["about food"])


def test_the_responses_api_gives_text_and_counts_tokens(server: Server) -> None:
    output = [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": '{"label": "money"}'}]},
    ]
    server.replies = [give({"output": output, "usage": {"input_tokens": 40, "output_tokens": 7}})]
    model = remote(server, "responses")
    assert model.predict(["pay"]).values[0] == "money"
    assert server.paths == ["/v1/responses"]
    body = server.bodies[0]
    assert body["text"]["format"]["type"] == "json_schema"
    assert body["store"] is False
    assert model.client.spending_log.own().tokens_read == 40
    cut = {"output": [], "status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    server.replies = [give(cut)]
    assert "cut off" in remote(server, "responses").predict(["pay"]).problems[0]


def test_kind_is_part_of_the_address_and_decides_what_is_offered() -> None:
    source = "api://api.example.com/v1/judge?kind=decisions&input=0.1"
    assert parse(parse(source).source) == parse(source)
    info = api.describe(Path(), source)
    assert info is not None
    assert "writes no text" in (api.unsupported(info, Output.TEXT) or "")
    assert api.unsupported(info, Output.LABEL) is None
    with pytest.raises(InputError, match="kind is 'judge'"):
        parse("api://h/v1/m?kind=judge")


def test_label_descriptions_are_read_from_the_task_file(tmp_path: Path) -> None:
    raw = {"data": {"train": "t.csv"}, "label_descriptions": {1: "one star"}}
    assert task_from(raw, folder=tmp_path).label_descriptions == {"1": "one star"}
    with pytest.raises(InputError, match="label_descriptions is 'x'"):
        task_from({**raw, "label_descriptions": "x"}, folder=tmp_path)
