"""Whole runs with endpoints that withhold answers, refuse texts, or send the key back."""

from __future__ import annotations

import http.server
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldilocks.cli.main import run
from goldilocks.cli.tables import leaderboard
from goldilocks.records import Decision
from goldilocks.support.files import read_record
from goldilocks.testing.endpoint import Server, choose, complete, fail, say, send

KEY = "key-0123456789-secret"
ROWS = 120


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


class Commands:
    """Runs commands in this process: their exit code, standard output and standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> tuple[int, str, str]:
        self.monkeypatch.setattr(sys, "argv", ["goldilocks", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            run()
        out, err = self.capsys.readouterr()
        return int(str(ended.value.code)), out, err


@pytest.fixture
def goldilocks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(monkeypatch, capsys)


def selected(
    goldilocks: Commands, server: Server, folder: Path, terms: str = "", *, beside: str = "naive_bayes"
) -> tuple[int, str, str]:
    """A search among a family and the endpoint, of which the endpoint alone can know the labels."""
    lines = []
    for number in range(ROWS):
        label = ("card", "login")[number % 2]
        lines.append(json.dumps({"text": f"case {number * 7919}", "label": label}))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    spec = {
        "name": "tickets",
        "data": {"train": "rows.jsonl"},
        "metric": "accuracy",
        "objective": {"error_cost": 5, "requests_per_month": 1000},
        "candidates": {
            "families": [beside, "api"],
            "models": [f"{server.source}?{terms}"],
            "methods": ["scratch", "zero_shot"],
        },
    }
    (folder / "task.yaml").write_text(json.dumps(spec))
    return goldilocks(
        "select", folder / "task.yaml", "--out", folder / "run", "--policy", "exhaustive", "--accept-baseline"
    )


def text_of(body: dict[str, Any]) -> str:
    asked: str = body["messages"][-1]["content"]
    return asked.rsplit("Text: ", 1)[1].split("\n")[0]


def number_of(body: dict[str, Any]) -> int:
    return int(text_of(body).split()[1]) // 7919


def label_of(body: dict[str, Any]) -> str:
    return ("card", "login")[number_of(body) % 2]


def standing(folder: Path) -> dict[str, Any]:
    decision = json.loads((folder / "run" / "decision.json").read_text())
    result: dict[str, Any] = next(entry for entry in decision["candidates"] if entry["family"] == "api")
    return result


def test_withheld_and_refused_answers_are_wrong_counted_and_shown(
    goldilocks: Commands, server: Server, tmp_path: Path
) -> None:
    def reply(body: dict[str, Any]) -> Any:
        if number_of(body) % 10 == 0:
            return fail(400, "The prompt was flagged by the content filter")
        if number_of(body) % 10 == 1:
            return complete(None, "length")
        return say(f"<think>hm</think>{label_of(body)}")

    server.replies = [choose(reply)]

    code, out, err = selected(goldilocks, server, tmp_path, beside="api")

    assert code == 0, err
    endpoint = standing(tmp_path)
    usage = endpoint["usage"]
    assert endpoint["status"] == "winner"
    # Of 120 texts a fifth has no answer; which of them are in the validation part is drawn.
    rows = json.loads((tmp_path / "run" / "data.json").read_text())["profile"]["rows"]["validation"]
    wrong = round((1 - endpoint["score"]["value"]) * rows)
    assert wrong > 0
    assert usage["refused"] + usage["empty"] == usage["unanswered"] >= wrong
    assert usage["truncated"] == usage["empty"] > 0
    share = f"{usage['unanswered']} of {usage['questions'] + usage['refused']} items"
    assert share in out
    decision = read_record(Decision, tmp_path / "run" / "decision.json")
    assert leaderboard(decision).columns[-1].header == "no answer"
    page = (tmp_path / "run" / "report.html").read_text()
    assert share in page
    assert ">No answer</th>" in page

    (tmp_path / "some.txt").write_text("case 0\ncase 15838\n")  # numbers 0 and 2
    code, out, err = goldilocks("predict", tmp_path / "run" / "bundle", tmp_path / "some.txt")
    first, second = map(json.loads, out.splitlines())
    assert code == 2
    assert first["error"].startswith("row 1: api://127.0.0.1")
    assert "flagged by the content filter" in first["error"]
    assert second["label"] == "card"
    assert "1 of 2 rows have no prediction" in err


def test_endpoint_that_never_names_a_label_is_excluded_with_reason_and_remedy(
    goldilocks: Commands, server: Server, tmp_path: Path
) -> None:
    server.replies = [complete(None, "length", reasoning_content="It could be")]

    code, out, err = selected(goldilocks, server, tmp_path)

    endpoint = standing(tmp_path)
    assert code == 0, err
    assert (endpoint["status"], endpoint["score"]) == ("excluded", None)
    assert "named none of the labels in" in endpoint["reason"]
    assert "set generation: {max_tokens: 1024}" in endpoint["reason"]
    assert endpoint["usage"]["unanswered"] == endpoint["usage"]["questions"] == len(server.bodies)
    assert " ".join(endpoint["reason"].split()) in " ".join(out.split())
    assert "set generation: {max_tokens: 1024}" in (tmp_path / "run" / "report.html").read_text()


def echo(status: int) -> Any:
    """The request's headers, sent back in every place a server has for words."""

    def reply(handler: http.server.BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        sent = handler.headers["Authorization"]
        words = f"\x1b[31mheaders: {{'Authorization': '{sent}'}} {sent} {KEY}"
        content = {
            "error": {"message": words, "code": KEY, "param": sent},
            "choices": [{"message": {"content": f"{words} label?", "refusal": sent}}],
        }
        if status == 200:
            del content["error"]
        send(handler, status, json.dumps(content).encode(), X_Key=sent, Retry_After="0")

    return reply


@pytest.mark.parametrize("status", [401, 200])
def test_key_that_a_server_sends_back_is_in_no_file_and_on_no_screen(
    goldilocks: Commands, server: Server, tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    server.replies = [choose(lambda body: say(label_of(body)))] * 5 + [echo(status)]

    _, out, err = selected(goldilocks, server, tmp_path, "key=SOME_KEY")

    assert server.keys[-1] == f"Bearer {KEY}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert KEY[:8].encode() not in content, path
    assert KEY[:8] not in out + err
    assert "\x1b" not in out + err
    if status != 200:
        assert f"answered with status {status} (headers: " in standing(tmp_path)["reason"]
