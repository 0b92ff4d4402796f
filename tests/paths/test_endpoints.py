"""Whole runs with a candidate behind an endpoint: it dies, costs, is timed, and never takes the others with it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import goldilocks
from goldilocks.errors import InputError, MissingError
from goldilocks.events import CandidateFailed, Event
from goldilocks.flow import select
from goldilocks.records import Decision, Standing
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import RunSettings
from goldilocks.testing.endpoint import Reply, Server, fail, say

ROWS, PRICE = 160, 0.12
"""100 tokens read at 1,000 a million are 0.1, 10 written at 2,000 a million 0.02: 0.12 a question."""


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def rows(*, learnable: bool) -> dict[str, str]:
    """Texts and labels; not learnable; only the endpoint, which has them in its prompt, knows the labels."""
    words = {"card": "my card is lost", "login": "I forgot my password"}
    result = {}
    for number in range(ROWS):
        label = ("card", "login")[number % 2]
        other = ("card", "login")[number * 7919 % 11 % 2]
        result[f"{words[label if learnable else other]} case {number * 7919}."] = label
    return result


def knows(known: Mapping[str, str], seconds: float = 0.0) -> Reply:
    def reply(handler: http.server.BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        asked = body["messages"][-1]["content"]
        threading.Event().wait(seconds)
        say(next(label for text, label in known.items() if text in asked))(handler, body)

    return reply


def chosen(
    server: Server,
    folder: Path,
    known: Mapping[str, str],
    *,
    terms: str = "input=1000&output=2000&cap=1000",
    families: tuple[str, ...] = ("naive_bayes", "api"),
    resume: bool = False,
    events: list[Event] | None = None,
    **more: Any,
) -> Decision:
    lines = [json.dumps({"text": text, "label": label}) for text, label in known.items()]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    spec = {
        "name": "tickets",
        "data": {"train": "rows.jsonl"},
        "objective": {"error_cost": 5, "requests_per_month": 1000, "horizon_months": 10},
        "candidates": {
            "families": families,
            "models": [f"{server.source}?{terms}"],
            "methods": ["scratch", "zero_shot"],
        },
        **more,
    }
    (folder / "task.yaml").write_text(json.dumps(spec))
    settings = RunSettings(out=folder / "run", policy="exhaustive", resume=resume)
    log = events if events is not None else []
    return select(folder / "task.yaml", settings, log.append)


def at_endpoint(decision: Decision) -> Standing:
    return next(candidate for candidate in decision.candidates if candidate.family == "api")


def validation_rows(folder: Path) -> int:
    counted: int = json.loads((folder / "run" / "data.json").read_text())["profile"]["rows"]["validation"]
    return counted


def test_endpoint_that_dies_mid_race_falls_out_and_another_wins(server: Server, tmp_path: Path) -> None:
    known, events = rows(learnable=True), list[Event]()
    server.replies = [*[knows(known)] * 5, fail(500, "out of order", Retry_After="0")]

    decision = chosen(server, tmp_path, known, events=events)

    out = at_endpoint(decision)
    assert decision.winner.family == "naive_bayes"
    assert (out.status, out.dropped, out.score) == ("excluded", "race", None)
    assert "answered with status 500 (out of order), 5 times over" in out.reason
    assert out.usage is not None
    assert out.usage.money == pytest.approx(5 * PRICE) == pytest.approx(decision.search.money)
    assert sum(isinstance(event, CandidateFailed) for event in events) == 1
    assert "answered with status 500 (out of order)" in (tmp_path / "run" / "report.html").read_text()
    asked = len(server.bodies)
    again = chosen(server, tmp_path, known, resume=True)
    assert len(server.bodies) == asked  # an excluded candidate is not asked again in this run
    assert at_endpoint(again).reason == out.reason


def test_money_is_in_the_cost_and_every_question_in_the_account(server: Server, tmp_path: Path) -> None:
    known = rows(learnable=False)
    server.replies = [knows(known)]

    decision = chosen(server, tmp_path, known)

    won, n_validation = decision.winner, validation_rows(tmp_path)
    assert won.family == "api"
    assert won.cost is not None
    assert won.footprint is not None
    assert won.usage is not None
    assert won.usage.questions == n_validation + 21  # the race; then one to begin with and 20 that are timed
    assert won.footprint.latency_p95_ms.n == 20
    assert (won.footprint.tokens_read, won.footprint.tokens_written) == (100, 10)
    assert won.cost.requests == 0
    assert won.cost.tokens == pytest.approx(1000 * PRICE)
    # What the search asked, and the machine's time at 0.05 an hour, over ten months.
    assert won.cost.tuning == pytest.approx((won.usage.money + won.seconds / 3600 * 0.05) / 10)
    assert pytest.approx(won.cost.total) == won.J  # it never errs
    assert won.cost.total > won.cost.tokens + won.cost.tuning
    spent = Workspace(tmp_path / "run").spending_log().total()
    assert spent.questions == len(server.bodies) > won.usage.questions  # test part and bundle come on top
    assert spent.money == pytest.approx(len(server.bodies) * PRICE)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "takes 100 prompt and 10 completion tokens per request" in page
    assert '"tokens": 120.0' in (tmp_path / "run" / "decision.json").read_text()


def test_endpoint_that_cannot_be_paid_to_the_end_falls_out_under_its_cap(server: Server, tmp_path: Path) -> None:
    known = rows(learnable=False)
    server.replies = [knows(known)]

    decision = chosen(server, tmp_path, known, terms="input=1000&output=2000&cap=2.2")

    assert validation_rows(tmp_path) * PRICE > 2.2
    out = at_endpoint(decision)
    assert decision.winner.family == "naive_bayes"
    assert "further questions would cost about" in out.reason
    assert "the cap is 2.2" in out.reason
    assert len(server.bodies) == 10  # the rest would have been money for nothing


def test_endpoint_that_breaks_while_timed_falls_out_and_the_race_goes_on(server: Server, tmp_path: Path) -> None:
    known = rows(learnable=False)
    server.replies = [knows(known)]

    def broken(handler: http.server.BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        timed = len(server.bodies) > validation_rows(tmp_path) + 2
        (fail(404, "gone") if timed else knows(known))(handler, body)

    server.replies = [broken]
    decision = chosen(server, tmp_path, known)

    out = at_endpoint(decision)
    assert decision.winner.family == "naive_bayes"
    assert (out.status, out.dropped) == ("excluded", "measuring")
    assert "answered with status 404 (gone)" in out.reason
    assert out.score is not None  # what it showed is not forgotten
    assert out.score.value == 1


def test_winner_that_breaks_on_the_test_part_makes_way(server: Server, tmp_path: Path) -> None:
    known = rows(learnable=False)

    def broken(handler: http.server.BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        tested = len(server.bodies) > validation_rows(tmp_path) + 21
        (fail(404, "gone") if tested else knows(known))(handler, body)

    server.replies = [broken]
    decision = chosen(server, tmp_path, known)

    assert decision.winner.family == "naive_bayes"
    assert decision.test_score is not None
    assert at_endpoint(decision).dropped == "test"
    assert json.loads((tmp_path / "run" / "bundle" / "bundle.json").read_text())["family"] == "naive_bayes"


def test_slow_endpoint_breaks_the_latency_limit(server: Server, tmp_path: Path) -> None:
    known = rows(learnable=False)
    server.replies = [knows(known, seconds=0.15)]

    decision = chosen(server, tmp_path, known, limits={"latency_p95_ms": 140})

    out = at_endpoint(decision)
    assert (out.status, out.dropped) == ("excluded", "")
    assert "latency_p95_ms: measured 1" in out.reason
    assert "limit 140 ms" in out.reason


def test_no_candidate_left_is_one_clear_error(server: Server, tmp_path: Path) -> None:
    server.replies = [fail(404, "gone")]
    with pytest.raises(
        InputError,
        match=r"only the baseline majority.* was finished: api/.* failed \(.*status 404 \(gone\).*another --out",
    ):
        chosen(server, tmp_path, rows(learnable=True), families=("majority", "api"))


def test_missing_key_is_said_before_anything_is_spent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(MissingError, match="the environment variable SOME_KEY is not set; put the key there"):
        chosen(server, tmp_path, rows(learnable=True), terms="key=SOME_KEY")
    assert not (tmp_path / "run" / "trials.jsonl").exists()


@pytest.mark.slow
def test_cascade_asks_the_endpoint_only_where_the_cheap_candidate_is_unsure(server: Server, tmp_path: Path) -> None:
    words = {"card": "my card is lost", "login": "I forgot my password"}
    unclear = "it does not work"  # three in ten; only the endpoint knows their labels
    known = {
        f"{words[label] if row % 10 < 7 else unclear} case {row * 7919}.": label
        for row, label in enumerate(["card", "login"] * 120)
    }
    server.replies = [knows(known)]

    decision = chosen(
        server,
        tmp_path,
        known,
        objective={"error_cost": 1, "requests_per_month": 1000, "horizon_months": 10},
        candidates={
            "families": ["naive_bayes", "api"],
            "models": [f"{server.source}?input=100&output=2000&cap=1000"],
            "methods": ["scratch", "zero_shot"],
            "exclude": ["naive_bayes/word12"],
            "combine": ["cascade"],
        },
    )

    won, alone = decision.winner, at_endpoint(decision)
    assert won.family == "cascade"
    assert won.score is not None
    assert won.score.value == 1
    assert won.cost is not None
    assert alone.cost is not None
    # A question is 100 tokens at 100 a million and 10 at 2,000: 0.03. The cascade pays for the share that it asks.
    assert alone.cost.tokens == pytest.approx(1000 * 0.03)
    n_asked = won.cost.tokens / alone.cost.tokens * validation_rows(tmp_path)
    assert n_asked == pytest.approx(round(n_asked))
    assert 0 < n_asked <= 0.5 * validation_rows(tmp_path)

    texts, before = list(known)[:60], len(server.bodies)
    answers = goldilocks.load(tmp_path / "run" / "bundle").predict(texts)
    asked = [body["messages"][-1]["content"] for body in server.bodies[before:]]
    assert 0 < len(asked) < len(texts) / 2
    assert all(unclear in question for question in asked)
    for text, answer in zip(texts, answers, strict=True):
        if any(text in question for question in asked):
            assert answer.answer == known[text]
