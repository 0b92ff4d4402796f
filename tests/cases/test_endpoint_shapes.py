"""Labels negated in many languages; answers that end early, are compressed, streamed or redirected; keys sent back."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldilocks.answers import NO_LABEL
from goldilocks.errors import EndpointError
from goldilocks.families import api
from goldilocks.records import Goal, Output
from goldilocks.support.endpoints.label_matching import read_label, read_labels
from goldilocks.support.endpoints.server_errors import REMOVED, cleaned
from goldilocks.testing import tiny
from goldilocks.testing.endpoint import Reply, Server, give, say, send, write

LABELS = ("food", "money", "sport")
ANSWER = json.dumps({"choices": [{"message": {"content": "sport"}, "finish_reason": "stop"}]}).encode()
KEY = "sk-proj-ABCDEFGH12345678secret"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def model(server: Server, labels: tuple[str, ...] = LABELS, terms: str = "") -> Any:
    facts = api.describe(Path(), f"{server.source}?{terms}")
    assert facts is not None
    made: Any = api.create(facts, None, tiny.part(), Goal(Output.LABEL, labels), seed=0)
    made.client.sleep = lambda seconds: None
    return made


# -------------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("answer", "labels", "meant"),
    [
        ("スポーツではない", "スポーツ 経済", None),
        ("スポーツではなく経済です", "スポーツ 経済", "経済"),
        ("스포츠가 아닙니다", "스포츠 경제", None),
        ("스포츠가 아니라 경제입니다", "스포츠 경제", "경제"),
        ("ไม่ใช่กีฬา", "กีฬา การเงิน", None),
        ("ไม่ใช่กีฬา แต่เป็นการเงิน", "กีฬา การเงิน", "การเงิน"),
        ("यह खेल नहीं है", "खेल धन", None),
        ("यह धन नहीं बल्कि खेल है", "खेल धन", "खेल"),
        ("ليست رياضة", "رياضة مال", None),
        ("ليس عن المال بل عن رياضة", "رياضة المال", "رياضة"),
        ("Это не спорт, а деньги", "спорт деньги", "деньги"),
        ("Не деньги", "спорт деньги", None),
        ("Não é esporte", "esporte dinheiro", None),
        ("Dit is geen sport maar geld", "sport geld", "geld"),
        ("spor değil, para", "spor para", "para"),
        ("bukan olahraga melainkan uang", "olahraga uang", "uang"),
        ("အားကစား မဟုတ်ပါ", "အားကစား ငွေ", None),
        ("нет", "да нет", "нет"),
        ("ไม่ใช่", "ใช่ ไม่ใช่", "ไม่ใช่"),
        ("아니요", "예 아니요", "아니요"),
        ("الجواب: لا", "نعم لا", "لا"),
        ("yes and no", "yes no", None),
    ],
)
def test_negated_label_of_any_language_is_not_named(answer: str, labels: str, meant: str | None) -> None:
    assert read_label(answer, labels.split()) == meant


@pytest.mark.parametrize("answer", ["None of the labels apply.", "none of the given categories fits", "None match"])
def test_no_label_of_several_is_said_in_many_ways(answer: str) -> None:
    assert read_labels(answer, ["money", "one"]) == ()


# -------------------------------------------------------------------------------------------------------------- shapes


@pytest.mark.parametrize(
    "raw",
    [
        b": PROCESSING\n\ndata: " + ANSWER.replace(b"message", b"delta") + b"\n\ndata: [DONE]\n\n",
        b"event: message\nid: 1\ndata: " + ANSWER.replace(b"message", b"delta") + b"\n\n",
        b"\n \n" + ANSWER,
    ],
)
def test_stream_with_comments_and_events_is_joined(server: Server, raw: bytes) -> None:
    server.replies = [lambda handler, _: send(handler, 200, raw)]
    assert model(server).predict(["a"]).values == ("sport",)


@pytest.mark.parametrize(
    "raw",
    [
        ANSWER[:20],
        ANSWER[:-1],
        b'data: {"choices":[{"delta":{"content":"spo"}}]}\n\n',  # complete lines, and no end
        b'data: {"choices":[{"delta":{"content":"spo"}}]}\n\ndata: {"cho',
    ],
)
def test_answer_that_ends_early_is_asked_for_again(server: Server, raw: bytes) -> None:
    server.replies = [lambda handler, _: send(handler, 200, raw), say("sport")]
    assert model(server).predict(["a"]).values == ("sport",)
    server.replies = [lambda handler, _: send(handler, 200, raw)]
    with pytest.raises(EndpointError, match=r"broke off its answer \(it begins .*, 5 times over"):
        model(server).predict(["a"])


def test_chunks_that_end_early_are_no_answer(server: Server) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.replies = [write(head + b"%x\r\n" % len(ANSWER) + ANSWER + b"\r\n"), say("food")]
    assert model(server).predict(["a"]).values == ("food",)


def test_compressed_answer_is_read_within_bounds(server: Server) -> None:
    server.replies = [lambda handler, _: send(handler, 200, gzip.compress(ANSWER), Content_Encoding="gzip")]
    assert model(server).predict(["a"]).values == ("sport",)
    bomb = gzip.compress(b"a" * 20_000_000)
    server.replies = [lambda handler, _: send(handler, 200, bomb, Content_Encoding="gzip")]
    with pytest.raises(EndpointError, match="its answer is longer than 16 MB"):
        model(server).predict(["a"])
    server.replies = [lambda handler, _: send(handler, 200, b"no gzip", Content_Encoding="gzip")]
    with pytest.raises(EndpointError, match="sent an answer whose compression is damaged"):
        model(server).predict(["a"])


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (give({"choices": []}), "the endpoint's answer is empty"),
        (give({"choices": [], "promptFeedback": {"blockReason": "SAFETY"}}), "withheld its answer (blocked: SAFETY)"),
        (give({"choices": [{"finish_reason": "content_filter", "message": {"role": "x"}}]}), "withheld its answer"),
        (give({"choices": [{"finish_reason": "content_filter", "message": None}]}), "withheld its answer"),
    ],
)
def test_answer_without_content_is_no_answer_to_its_item_alone(server: Server, reply: Reply, problem: str) -> None:
    server.replies = [reply, say("sport")]
    answers = model(server).predict(["a", "b"])
    assert answers.values == (NO_LABEL, "sport")
    assert problem in answers.problems[0]


def test_number_is_a_label_that_is_a_number(server: Server) -> None:
    server.replies = [give({"choices": [{"message": {"content": 5}}]})]
    assert model(server, ("4", "5")).predict(["a"]).values == ("5",)


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"success": False, "message": "no such thing"}, r"status 400 \(no such thing\)"),
        ({"code": 1001, "msg": "余额不足", "data": None}, r"status 400 \(余额不足\)"),
        ({"errors": [{"message": "bad model", "code": 404}]}, r"status 404 \(bad model\)"),
        ({"detail": "Not authenticated"}, r"status 401 \(Not authenticated\)"),
    ],
)
def test_error_within_status_200_is_shown_whatever_its_shape(server: Server, body: Any, words: str) -> None:
    server.replies = [give(body)]
    with pytest.raises(EndpointError, match=words):
        model(server).predict(["a"])


def test_redirect_is_not_followed_and_named_without_what_it_carries(server: Server) -> None:
    server.replies = [lambda handler, _: send(handler, 302, b"", Location="http://127.0.0.1:9/in?key=1234")]
    with pytest.raises(EndpointError, match=r"status 302 \(it redirects to http://127\.0\.0\.1:9/in\)"):
        model(server).predict(["a"])
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "spelt",
    [
        KEY,
        KEY.upper(),
        KEY[:12] + "\n" + KEY[12:],
        KEY[3:-2],
        KEY.replace("-", "%2D"),
        KEY.encode().hex(),
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"Bearer {KEY}".encode()).decode(),
        base64.urlsafe_b64encode(f"x{KEY}".encode()).decode(),
        "".join(f"\\u{ord(sign):04x}" for sign in KEY),
    ],
)
def test_key_is_removed_in_every_spelling(spelt: str) -> None:
    line = cleaned(f"bad key: {spelt}, try again", KEY)
    assert line.startswith(f"bad key: {REMOVED}")
    assert line.endswith("try again")
    left = line.replace(REMOVED, "").removeprefix("bad key:").removesuffix("try again")
    assert len(left.strip(" ,")) < 8, left
