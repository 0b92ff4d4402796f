"""What servers really send: reasoning, empty and truncated answers, refused texts, odd shapes, dialects of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from goldilocks.answers import NO_LABEL
from goldilocks.errors import EndpointError
from goldilocks.families import api
from goldilocks.records import Generation, Goal, Output, Usage
from goldilocks.support.endpoints.address import parse
from goldilocks.testing import tiny
from goldilocks.testing.endpoint import Reply, Server, choose, complete, fail, give, say, send

LABELS = ("food", "money", "sport")
GOAL = Goal(Output.LABEL, LABELS)
TEXT = Goal(Output.TEXT)
SCHEMA_ERROR = fail(400, "response_format is not supported by this model")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def model(server: Server, goal: Goal = GOAL, terms: str = "") -> Any:
    facts = api.describe(Path(), f"{server.source}?{terms}")
    assert facts is not None
    made: Any = api.create(facts, None, tiny.part(), goal, seed=0)
    made.client.sleep = lambda seconds: None
    return made


def used(made: Any) -> Usage:
    spent: Usage = made.spending_log.own()
    return replace(spent, tokens_read=0, tokens_written=0, money=0.0)


# ----------------------------------------------------------------------------------------------------- no usable answer


@pytest.mark.parametrize(
    ("reply", "problem", "counts"),
    [
        (complete(None, "length", reasoning_content="It could be"), "empty, cut off at 88 tokens", (1, 1)),
        (complete(""), "the endpoint's answer is empty", (1, 0)),
        (complete([]), "the endpoint's answer is empty", (1, 0)),
        (complete("<think>It could be money", "length"), "empty, cut off at 88 tokens: raise generation.max", (1, 1)),
        (complete("I would rather not say."), "names no label (it begins 'I would rather not say.')", (0, 0)),
        (complete("unknown"), "names no label", (0, 0)),
        (complete(None, refusal="I can't help with that."), "withheld its answer (I can't help with that.)", (1, 0)),
        (complete(None, "content_filter"), "withheld its answer (finish_reason content_filter)", (1, 0)),
    ],
)
def test_answer_without_a_label_is_no_answer_and_is_counted(
    server: Server, reply: Reply, problem: str, counts: tuple[int, int]
) -> None:
    server.replies = [reply]
    made = model(server)

    answers = made.predict(["a text"])

    assert answers.values == (NO_LABEL,)
    assert problem in answers.problems[0]
    assert answers.predictions()[0].error == answers.problems[0]
    assert used(made) == Usage(questions=1, empty=counts[0], truncated=counts[1], unanswered=1)


def test_label_in_a_truncated_answer_counts_and_so_does_the_truncation(server: Server) -> None:
    server.replies = [complete("Sport. The text is about a ga", "length")]
    made = model(server)
    assert made.predict(["a"]).values == ("sport",)
    assert used(made) == Usage(questions=1, truncated=1)


def test_what_a_model_adds_after_its_answer_is_no_answer(server: Server) -> None:
    server.replies = [say("sport\n\nText: bank loan\nLabel: money")]
    assert model(server).predict(["a"]).values == ("sport",)


def test_several_labels_of_which_none_fits_are_an_answer_and_a_refusal_is_none(server: Server) -> None:
    server.replies = [say("none"), say("Sorry, I cannot do that.")]
    answers = model(server, replace(GOAL, several=True)).predict(["a", "b"])
    assert answers.values == ((), (NO_LABEL,))
    assert [bool(problem) for problem in answers.problems] == [False, True]


def test_generated_text_has_neither_reasoning_nor_fence(server: Server) -> None:
    server.replies = [say("<think>Word by word.</think>\n\n```\nBONJOUR\n```"), say("Answer: salut"), say("<think>Wor")]
    made = model(server, TEXT)
    answers = [made.predict([text]) for text in ("hello", "hi", "hey")]
    assert [answer.values[0] for answer in answers] == ["BONJOUR", "salut", ""]
    assert answers[2].problems == ("the endpoint's answer is empty",)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (complete(None, "length"), r"named none of the labels in 12 answers \(12 empty, 12 cut off .*max_tokens: 1024"),
        (complete("I am a model."), r"in 12 answers \(0 empty, .*begins 'I am a model\.'\)\. Reword instruction:"),
        (complete(""), r"12 empty, 0 cut off .*see whether the model answers chat requests"),
        (fail(400, "content_filter"), r"12 refused\); the first: .*refuses this item, .*Leave the endpoint out"),
    ],
)
def test_endpoint_that_never_names_a_label_is_an_error_with_the_remedy(
    server: Server, reply: Reply, words: str
) -> None:
    server.replies = [reply]
    made = model(server)
    made.fit(tiny.part().texts, tiny.part().gold, seed=0)
    with pytest.raises(EndpointError, match=words):
        made.predict(["a"] * 12)
    assert used(made).unanswered == 12


def test_endpoint_that_never_names_a_label_is_given_up_after_thirty_items(server: Server) -> None:
    server.replies = [say("well")]
    made = model(server)
    made.fit(tiny.part().texts, tiny.part().gold, seed=0)
    with pytest.raises(EndpointError, match="in 30 answers"):
        made.predict(["a"] * 500)
    assert len(server.bodies) == 30


def test_rows_of_a_bundle_are_errors_one_by_one_however_many(server: Server, tmp_path: Path) -> None:
    model(server).save(tmp_path)
    server.replies = [say("well")]
    assert [bool(prediction.error) for prediction in api.restore(tmp_path).predict(["a"] * 40).predictions()] == [
        True
    ] * 40


# -------------------------------------------------------------------------------------------------------- refused items


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            fail(400, "The response was filtered (content management policy)."),
            "refuses this item, answered with status",
        ),
        (give({"error": {"message": "x", "code": "content_filter"}}, 400), r"refuses this item"),
        (fail(400, "This model's maximum context length is 512 tokens."), "this item is too long for it"),
        (give({"object": "error", "message": "exceeds the available context size", "code": 400}, 400), "is too long"),
        (fail(413, "request entity too large"), "this item is too long for it"),
        (give({"error": {"message": "x", "code": "context_length_exceeded"}}), "this item is too long for it"),
    ],
)
def test_refused_item_has_no_answer_and_the_others_are_answered(server: Server, reply: Reply, words: str) -> None:
    server.replies = [
        choose(lambda body: reply if "attack" in body["messages"][-1]["content"] else say("sport")),
    ]
    made = model(server)

    answers = made.predict(["a", "an attack", "b"])

    assert answers.values == ("sport", NO_LABEL, "sport")
    assert words in answers.problems[1]
    assert used(made) == Usage(questions=2, refused=1, unanswered=1)


# --------------------------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"message": {"content": [{"type": "text", "text": "spo"}, {"type": "text", "text": "rt"}]}}]},
        {"choices": [{"message": {"content": [{"type": "thinking", "thinking": "money"}, {"text": "sport"}]}}]},
        {"choices": [{"message": {"content": ["sport"]}}]},
        {"choices": [{"text": " sport"}]},
        {"choices": [{"message": {"content": "sport", "tool_calls": None}, "finish_reason": None}], "usage": None},
        {"error": None, "choices": [{"message": {"content": "sport"}}]},
    ],
)
def test_content_of_every_shape_is_read(server: Server, body: dict[str, Any]) -> None:
    server.replies = [give(body)]
    assert model(server).predict(["a"]).values == ("sport",)


def test_unrequested_stream_is_joined(server: Server) -> None:
    events = [{"choices": [{"delta": {"content": part}}]} for part in ("spo", "rt")]
    raw = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    server.replies = [lambda handler, _: send(handler, 200, raw.encode())]
    assert model(server).predict(["a"]).values == ("sport",)


def test_byte_that_is_no_utf8_spoils_its_answer_only(server: Server) -> None:
    raw = b'{"choices": [{"message": {"content": "sport \xe4\xbd"}}]}'
    server.replies = [lambda handler, _: send(handler, 200, raw)]
    assert model(server).predict(["a"]).values == ("sport",)


@pytest.mark.parametrize(
    "error",
    [
        {"choices": None, "error": {"message": "Provider returned error", "code": 429}},
        {"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "upstream"}, "message": {}}]},
        {"error": "model is overloaded, try again"},
        {"error": {"type": "overloaded_error", "message": "Overloaded"}},
    ],
)
def test_error_within_status_200_is_sent_again_like_the_status_it_names(server: Server, error: dict[str, Any]) -> None:
    server.replies = [say("food"), give(error), say("sport")]
    assert model(server).predict(["a", "b"]).values == ("food", "sport")
    assert len(server.bodies) == 3


def test_lasting_error_within_status_200_is_shown_in_its_words(server: Server) -> None:
    server.replies = [give({"error": {"message": "no such model", "code": 404}})]
    with pytest.raises(EndpointError, match=r"answered with status 404 \(no such model\); check the address"):
        model(server).predict(["a"])


def test_account_without_credit_is_not_asked_again(server: Server) -> None:
    server.replies = [fail(429, "You exceeded your current quota, please check your plan and billing details.")]
    with pytest.raises(EndpointError, match="no credit left: top it up"):
        model(server).predict(["a"])
    assert len(server.bodies) == 1


# ------------------------------------------------------------------------------------------------------------- dialects


def strict(body: dict[str, Any]) -> Reply:
    """A server that accepts no system role, no max_tokens, no temperature and no schema, and says so one by one."""
    if "response_format" in body:
        return give({"detail": [{"loc": ["body", "response_format"], "msg": "Extra inputs are not permitted"}]}, 422)
    if any(message["role"] == "system" for message in body["messages"]):
        return give({"object": "error", "message": "System role not supported", "code": 400}, 400)
    if "max_tokens" in body:
        return fail(400, "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.")
    if body.get("temperature") is not None:
        return fail(400, "'temperature' does not support 0 with this model. Only the default (1) value is supported.")
    return say("sport")


def test_what_a_server_does_not_accept_is_left_out_and_remembered(server: Server, tmp_path: Path) -> None:
    server.replies = [choose(strict)]
    made = model(server)

    assert made.predict(["a", "b", "c"]).values == ("sport",) * 3

    assert len(server.bodies) == 4 + 3  # each part is refused once
    assert server.bodies[-1]["max_completion_tokens"] == 64
    (message,) = server.bodies[-1]["messages"]
    assert message["content"].startswith("Answer without explanation.\n\n")
    made.save(tmp_path)
    server.bodies.clear()
    assert api.restore(tmp_path).predict(["a"]).values == ("sport",)
    assert len(server.bodies) == 1  # the bundle knows


def test_dialect_can_be_stated_in_the_address(server: Server) -> None:
    server.replies = [choose(strict)]
    terms = "limit=max_completion_tokens&system=off&temperature=off&structured=off"
    made = model(server, terms=terms)
    assert made.predict(["a"]).values == ("sport",)
    assert len(server.bodies) == 1
    assert parse(made.client.endpoint.source) == made.client.endpoint


def test_stop_sequences_are_applied_here_where_the_server_does_not_take_them(server: Server) -> None:
    server.replies = [
        choose(lambda body: fail(400, "Unsupported parameter: 'stop'") if "stop" in body else say("one END two")),
    ]
    made = model(server, replace(TEXT, generation=Generation(stops=("END",))))
    assert made.predict(["a"]).values == ("one",)


def test_explicit_temperature_is_not_left_out(server: Server) -> None:
    server.replies = [fail(400, "temperature: only 1 is allowed for this model")]
    made = model(server, replace(TEXT, generation=Generation(temperature=0.7)))
    with pytest.raises(EndpointError, match=r"status 400 \(temperature: only 1 is allowed for this model\)"):
        made.predict(["a"])


def test_server_that_contradicts_itself_does_not_keep_us_asking(server: Server) -> None:
    server.replies = [
        choose(
            lambda body: fail(400, f"unsupported: {'max_tokens' if 'max_tokens' in body else 'max_completion_tokens'}")
        )
    ]
    with pytest.raises(EndpointError, match="limit=max_completion_tokens"):
        model(server).predict(["a"])
    assert len(server.bodies) <= 10


# ---------------------------------------------------------------------------------------------------- structured output


def test_labels_are_asked_for_with_a_schema(server: Server) -> None:
    server.replies = [say('{"label": "sport"}')]
    assert model(server).predict(["a"]).values == ("sport",)
    schema = server.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"] == {"label": {"type": "string", "enum": list(LABELS)}}
    assert (schema["required"], schema["additionalProperties"]) == (["label"], False)
    server.replies = [say('{"labels": ["sport", "food"]}')]
    assert model(server, replace(GOAL, several=True)).predict(["a"]).values == (("food", "sport"),)
    assert server.bodies[1]["response_format"]["json_schema"]["schema"]["properties"]["labels"]["type"] == "array"


@pytest.mark.parametrize("refusal", [SCHEMA_ERROR, fail(400, "Bad request"), fail(422, ""), fail(500, "grammar: bad")])
def test_server_without_structured_output_is_asked_once_with_it(server: Server, refusal: Reply) -> None:
    server.replies = [choose(lambda body: refusal if "response_format" in body else say("sport"))]
    assert model(server).predict(["a"] * 12).values == ("sport",) * 12
    assert ["response_format" in body for body in server.bodies] == [True] + [False] * 12


def test_structured_output_can_be_switched_off_and_is_not_used_for_texts(server: Server) -> None:
    server.replies = [say("sport")]
    model(server, terms="structured=off").predict(["a"])
    model(server, TEXT).predict(["a"])
    assert not any("response_format" in body for body in server.bodies)
    assert server.bodies[0]["max_tokens"] == 64


def test_server_that_ignores_the_schema_is_read_as_any_other(server: Server) -> None:
    server.replies = [say("The label is **sport**.")]
    assert model(server).predict(["a"]).values == ("sport",)


def test_unknown_refusal_behind_working_structured_output_is_an_error(server: Server) -> None:
    server.replies = [say('{"label": "sport"}'), fail(400, "Bad request")]
    with pytest.raises(EndpointError, match=r"status 400 \(Bad request\); if its words name a part of the request"):
        model(server).predict(["a", "b"])
